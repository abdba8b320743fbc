import { EventEmitter } from 'node:events';
import { expect, it, onTestFinished, vi } from 'vitest';
import { answerPing, type Connection, drained, onceWritable } from '../../../src/transport/connection.ts';

const OPEN = 1;
const CLOSING = 2;

it('whoever waits for a socket that is being closed is woken when it has ended, and asked for nothing until then', () => {
  const turns = vi.spyOn(globalThis, 'setImmediate');
  onTestFinished(() => turns.mockRestore());
  const socket = { writableNeedDrain: false, writableLength: 0 };
  const connection = { ws: { readyState: CLOSING }, socket, parked: null } as unknown as Connection;
  const listener = vi.fn();
  onceWritable(connection, listener);
  expect(turns).not.toHaveBeenCalled();
  drained(connection);
  expect(listener).toHaveBeenCalledTimes(1);
});

it('a ping is answered at once; while there is no room the last one of them, once there is', () => {
  const answered: string[] = [];
  const ws = { readyState: OPEN, pong: (data: Buffer) => answered.push(data.toString()) };
  const socket = Object.assign(new EventEmitter(), { writableNeedDrain: false, writableLength: 1 });
  const connection = { ws, socket, parked: null, pinged: null } as unknown as Connection;
  const ping = (...texts: string[]): void => {
    for (const text of texts) answerPing(connection, Buffer.from(text));
  };
  const drain = (): void => {
    socket.writableNeedDrain = false;
    socket.emit('drain');
  };
  ping('a', '');
  expect(answered.splice(0)).toEqual(['a', '']);
  for (let round = 0; round < 2; round += 1) {
    socket.writableNeedDrain = true;
    ping('b', 'c', 'd');
    expect(answered).toEqual([]);
    drain();
    expect(answered.splice(0)).toEqual(['d']);
  }
  socket.writableNeedDrain = true;
  ping('e');
  ws.readyState = CLOSING;
  drained(connection);
  expect(answered).toEqual([]);
});
