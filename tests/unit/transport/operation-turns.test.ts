import { Socket } from 'node:net';
import { MessageType } from 'graphql-ws';
import { describe, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import { createConnection } from '../../../src/transport/connection.js';
import { createOperationTurns } from '../../../src/transport/operation-turns.js';

/** One connection; what graphql-ws is told of it, and how each of its operations comes to its end. */
function world() {
  const known = { id: '1', socket: new Socket(), request: null, address: '192.0.2.1', openedAt: 0 };
  const connection = createConnection({ ...known, ws: {} as WebSocket });
  const told: string[] = [];
  const ends: (() => void)[] = [];
  const handle = createOperationTurns({
    begin: (_connection, { asked }) => {
      told.push(`begin ${String(asked?.query)}`);
      if (asked?.query === 'fails') return Promise.reject(new Error('failed'));
      return new Promise((resolve) => ends.push(resolve));
    },
    end: (_connection, { id }) => void told.push(`end ${id}`),
    handle: (_connection, text) => {
      told.push(text);
      return Promise.resolve();
    },
    onInUse: (_connection, id) => void told.push(`in use ${id}`),
    onFailed: (_connection, error) => void told.push(String(error)),
  });
  return {
    connection,
    told,
    subscribe: (id: string, query: string) =>
      handle(connection, { id, type: MessageType.Subscribe, payload: { query } }, ''),
    complete: (id: string) => handle(connection, { id, type: MessageType.Complete }, `complete ${id}`),
    ping: () => handle(connection, { type: MessageType.Ping }, 'ping'),
    /** Ends the operation that began as number `index`, and lets what waited for that go on. */
    async over(index: number): Promise<void> {
      ends[index]?.();
      await new Promise(setImmediate);
    },
  };
}

describe('an id that a client has completed and uses again', () => {
  it('begins anew when the operation before it is over, and not earlier', async () => {
    const { connection, told, subscribe, complete, over } = world();
    subscribe('a', 'first');
    complete('a');
    subscribe('a', 'second');
    subscribe('b', 'beside it');
    await over(-1);
    expect(told).toEqual(['begin first', 'complete a', 'begin beside it']);
    expect(connection.operations).toBe(2);
    await over(0);
    expect(told.slice(3)).toEqual(['begin second']);
    await over(2);
    await over(1);
    expect([connection.operations, connection.turns]).toEqual([0, []]);
  });

  it('is not begun at all for who has completed it again meanwhile', async () => {
    const { connection, told, subscribe, complete, over } = world();
    subscribe('a', 'first');
    for (const query of ['second', 'third']) {
      complete('a');
      subscribe('a', query);
    }
    expect(connection.operations).toBe(1);
    await over(0);
    expect(told).toEqual(['begin first', 'complete a', 'complete a', 'begin third']);
  });

  it('is in use until then', () => {
    const { connection, told, subscribe } = world();
    subscribe('a', 'first');
    subscribe('a', 'second');
    expect(told).toEqual(['begin first', 'in use a']);
    expect(connection.operations).toBe(1);
  });
});

describe('an operation', () => {
  it('that is a subscription stays when it is in force, and is ended by its client alone', async () => {
    const { connection, told, subscribe, complete, ping, over } = world();
    subscribe('a', 'subscription');
    const [turn] = connection.turns;
    turn!.subscription = {} as never;
    await over(0);
    expect([connection.operations, connection.turns]).toEqual([1, [turn]]);
    expect(turn!.over).toBe(null);
    ping();
    complete('a');
    complete('another');
    expect(told).toEqual(['begin subscription', 'ping', 'end a', 'complete another']);
  });

  it('that fails is told, and over', async () => {
    const { connection, told, subscribe, over } = world();
    subscribe('a', 'fails');
    await over(-1);
    expect(told).toEqual(['begin fails', 'Error: failed']);
    expect([connection.operations, connection.turns]).toEqual([0, []]);
  });

  it('that its client completes twice is counted off once', () => {
    const { connection, subscribe, complete } = world();
    subscribe('a', 'first');
    subscribe('b', 'second');
    complete('a');
    complete('a');
    expect(connection.operations).toBe(1);
  });
});
