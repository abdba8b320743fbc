import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import { createConnection } from '../../../src/transport/connection.js';
import { createSocketKeeper } from '../../../src/transport/socket-keeper.js';
import { createManualClock } from '../../testkit/manual-clock.js';

const PING_MS = 12_000;
const TICK_MS = 1000;

/** Sockets that answer every ping, and a keeper on a clock that the test moves. */
function world() {
  const clock = createManualClock();
  const keeper = createSocketKeeper({ clock });
  keeper.start();

  function socket(operations = 1) {
    const closes: { readonly code: number; readonly at: number }[] = [];
    const close = (code: number) => closes.push({ code, at: clock.monotonic() });
    const ws = { ping: () => (connection.alive = true), terminate: () => close(1006), close };
    const known = { id: '1', socket: new Socket(), request: null, address: '192.0.2.1' };
    const openedAt = clock.monotonic();
    const connection = createConnection({ ...known, ws: ws as unknown as WebSocket, openedAt });
    connection.operations = operations;
    keeper.add(connection);
    return { connection, closes, forget: () => keeper.remove(connection) };
  }
  return { clock, keeper, socket };
}

const inDays = (days: number, now: number) => new Date(now + days * 86_400_000);

describe('the keeper of sockets', () => {
  it('closes with 4403 those whose key was taken out, within a round of pings and not all at once', async () => {
    const { clock, keeper, socket } = world();
    const keys = new Set(['old', 'new']);
    const token = (key: string) => ({ expiresAt: inDays(30, clock.now()), inForce: () => keys.has(key) });
    const old = Array.from({ length: 24 }, () => socket());
    const renewed = socket();
    const fresh = socket();
    for (const { connection } of [...old, renewed]) keeper.holds(connection, token('old'));
    keeper.holds(fresh.connection, token('new'));
    keeper.holds(renewed.connection, token('new'));
    await clock.advance(2 * PING_MS);
    expect([...old, renewed, fresh].flatMap(({ closes }) => closes)).toEqual([]);

    keys.delete('old');
    await clock.advance(PING_MS);
    expect(old.map(({ closes }) => closes[0]?.code)).toEqual(Array.from({ length: 24 }, () => 4403));
    const ticks = old.map(({ closes }) => Math.floor((closes[0]?.at ?? 0) / TICK_MS));
    const perTick = ticks.map((tick) => ticks.filter((other) => other === tick).length);
    expect(Math.max(...perTick)).toBe(2);
    expect([renewed.closes, fresh.closes]).toEqual([[], []]);
  });

  it('pings each of many sockets once in a round, a few at a time', async () => {
    const { clock, socket } = world();
    const pings: { readonly at: number; readonly socket: number }[] = [];
    const sockets = Array.from({ length: 1200 }, (_, index) => {
      const one = socket();
      one.connection.ws.ping = () => {
        one.connection.alive = true;
        pings.push({ at: clock.monotonic(), socket: index });
      };
      return one;
    });
    await clock.advance(PING_MS);
    expect(new Set(pings.map((ping) => ping.socket)).size).toBe(sockets.length);
    expect(pings).toHaveLength(sockets.length);
    const together = new Map<number, number>();
    for (const { at } of pings) together.set(at, (together.get(at) ?? 0) + 1);
    expect(Math.max(...together.values())).toBe(10);
  });

  it('closes with 4403 at the end of a token, not before', async () => {
    const { clock, keeper, socket } = world();
    const { connection, closes } = socket();
    const expiresAt = new Date(clock.now() + 60_000);
    keeper.holds(connection, { expiresAt, inForce: () => true });
    await clock.advance(59_999);
    expect(closes).toEqual([]);
    await clock.advance(1);
    expect(closes.map(({ code }) => code)).toEqual([4403]);
  });

  it('closes with 4403 at the end of a token also where that is before the next ping', async () => {
    const { clock, keeper, socket } = world();
    const { connection, closes } = socket();
    keeper.holds(connection, { expiresAt: new Date(clock.now() + 50), inForce: () => true });
    await clock.advance(49);
    expect(closes).toEqual([]);
    await clock.advance(1);
    expect(closes.map(({ code }) => code)).toEqual([4403]);
  });

  it('waits for the end of a token by the clock on the wall, which may have been set back', async () => {
    const { clock, keeper, socket } = world();
    const { connection, closes } = socket();
    keeper.holds(connection, { expiresAt: new Date(clock.now() + 1000), inForce: () => true });
    await clock.advance(500);
    const now = clock.now.bind(clock);
    clock.now = () => now() - 300;
    await clock.advance(799);
    expect(closes).toEqual([]);
    await clock.advance(1);
    expect(closes.map(({ code }) => code)).toEqual([4403]);
  });

  it('waits for no end of a token whose socket is gone', async () => {
    const { clock, keeper, socket } = world();
    const { connection, closes, forget } = socket();
    keeper.holds(connection, { expiresAt: new Date(clock.now() + 1000), inForce: () => true });
    forget();
    await clock.advance(PING_MS);
    expect(closes).toEqual([]);
  });

  it('waits for no end of a token that has none', async () => {
    const { clock, keeper, socket } = world();
    const { connection, closes } = socket();
    let waits = 0;
    const after = clock.after.bind(clock);
    clock.after = (ms, callback) => {
      waits += 1;
      return after(ms, callback);
    };
    keeper.holds(connection, null);
    expect(waits).toBe(0);
    keeper.holds(connection, { expiresAt: new Date(clock.now() + 1000), inForce: () => true });
    keeper.holds(connection, null);
    await clock.advance(10 * PING_MS);
    expect(closes).toEqual([]);
  });

  it('closes with 4408 one that has not introduced itself within 3 s, and no other', async () => {
    const { clock, socket } = world();
    const [silent, other] = [socket(), socket()];
    silent.connection.request = new IncomingMessage(silent.connection.socket);
    await clock.advance(2999);
    expect(silent.closes).toEqual([]);
    await clock.advance(1);
    expect([silent.closes[0]?.code, other.closes]).toEqual([4408, []]);
  });

  it('closes with 1000 after five minutes without an operation, and not one that has any', async () => {
    const { clock, socket } = world();
    const [idle, busy] = [socket(0), socket(1)];
    await clock.advance(300_000 - 1);
    expect(idle.closes).toEqual([]);
    await clock.advance(PING_MS + 1);
    expect([idle.closes[0]?.code, busy.closes]).toEqual([1000, []]);
  });

  it('ends one that has not answered by the next ping, and looks after nobody that is gone', async () => {
    const { clock, socket } = world();
    const [silent, gone] = [socket(), socket()];
    silent.connection.ws.ping = () => undefined;
    gone.connection.ws.ping = () => undefined;
    gone.forget();
    await clock.advance(PING_MS);
    expect(silent.closes).toEqual([]);
    await clock.advance(PING_MS);
    expect([silent.closes.map(({ code }) => code), gone.closes]).toEqual([[1006], []]);
  });
});
