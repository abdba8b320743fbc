import { expect, it, onTestFinished, vi } from 'vitest';
import { type Connection, drained, onceWritable } from '../../../src/transport/connection.ts';

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
