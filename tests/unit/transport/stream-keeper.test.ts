import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { createPlaces } from '../../../src/transport/places.ts';
import { createStreamKeeper } from '../../../src/transport/stream-keeper.ts';
import type { TokenTerm } from '../../../src/visitors/visitor-token.ts';
import { createManualClock } from '../../testkit/manual-clock.ts';

function createKeeper() {
  const clock = createManualClock();
  const places = createPlaces({ maxSockets: 12, maxSocketsPerAddress: 11 });
  const keeper = createStreamKeeper({ clock, places, refusing: () => false });
  keeper.start();
  const term = (expiresInMs: number, inForce = (): boolean => true): TokenTerm => ({
    expiresAt: new Date(clock.now() + expiresInMs),
    inForce,
  });
  return { clock, keeper, places, term };
}

/** An answer that nobody sees, alone on its connection unless that is given. */
const createStream = (socket = new Socket()): ServerResponse =>
  new ServerResponse(new IncomingMessage(socket));

describe('event streams that stay open', () => {
  it('are cut within five seconds after their token has ended or its key was taken out, and no others', async () => {
    const { clock, keeper, term } = createKeeper();
    let isThere = true;
    const streams = {
      lasting: term(1e9),
      forEver: null,
      ended: term(2000),
      taken: term(1e9, () => isThere),
    };
    const opened = Object.entries(streams).map(([name, until]) => {
      const stream = createStream();
      expect(keeper.add(stream, 'a', until)).toBeNull();
      return { name, stream };
    });
    const cut = () => opened.flatMap(({ name, stream }) => (stream.destroyed ? [name] : []));
    await clock.advance(1999);
    expect(cut()).toEqual([]);
    await clock.advance(5001);
    expect(cut()).toEqual(['ended']);
    isThere = false;
    await clock.advance(5000);
    expect(cut()).toEqual(['ended', 'taken']);
    keeper.stop();
    await clock.advance(2e9);
    expect(cut()).toEqual(['ended', 'taken']);
  });

  it('are looked at in five parts, one each second', async () => {
    const { clock, keeper, term } = createKeeper();
    const streams = Array.from({ length: 10 }, () => createStream());
    for (const stream of streams) keeper.add(stream, 'a', term(0));
    for (const count of [2, 4, 6, 8, 10]) {
      await clock.advance(1000);
      expect(streams.filter(({ destroyed }) => destroyed)).toHaveLength(count);
    }
  });

  it('give their place back once, when they or their connections end, and are looked at no more', async () => {
    const { clock, keeper, places, term } = createKeeper();
    const socket = new Socket();
    const [one, other, third] = [createStream(socket), createStream(socket), createStream()];
    let looks = 0;
    const looked = term(1e9, () => {
      looks += 1;
      return true;
    });
    for (const stream of [one, other, third]) keeper.add(stream, 'a', looked);
    let over = 0;
    keeper.onceOver(other, () => (over += 1));
    one.emit('close');
    expect([[...keeper.streams], over]).toEqual([[other, third], 0]);
    socket.emit('close');
    other.emit('close');
    expect([[...keeper.streams], over]).toEqual([[third], 1]);
    await clock.advance(5000);
    expect(looks).toBe(1);
    // The third has its place, so there are ten.
    for (let free = 0; free < 10; free += 1) expect(places.take('a')).toBeNull();
    expect(places.take('a')).toBe('address');
  });

  it('that have ended before they were added keep no place', () => {
    const { keeper, places } = createKeeper();
    const socket = new Socket();
    socket.destroy();
    for (let each = 0; each < 12; each += 1) expect(keeper.add(createStream(socket), 'a', null)).toBeNull();
    expect([keeper.streams.size, places.take('a')]).toEqual([0, null]);
  });

  it('are refused with the time to wait where no place is free', () => {
    const { keeper } = createKeeper();
    for (let each = 0; each < 11; each += 1) keeper.add(createStream(), 'a', null);
    const refused = (address: string) => keeper.add(createStream(), address, null)?.extensions;
    expect(refused('a')).toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: 5000 });
    expect(refused('b')).toBeUndefined();
    expect(refused('b')).toMatchObject({ code: 'OVERLOADED', retryAfterMs: 5000 });
  });
});
