import { Redis } from 'ioredis';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { foundation } from '../testkit/foundation.js';
import { check } from '../testkit/faults/checker.js';
import { startFollower } from '../testkit/faults/follower.js';
import { createHistory, type Stored } from '../testkit/faults/history.js';
import { startFaultProxy } from '../testkit/faults/proxy.js';
import { createSender } from '../testkit/faults/sender.js';
import { createRoom, createVisitor, readLog, sendMessage } from '../testkit/seed.js';
import { startServerChild } from '../testkit/server-child.js';
import { exitsOf, IN_TIME, load, ms, partOf, report, SLACK } from './scenario.js';

const DELIVERED_WITHIN_MS = 6_000;
const WAIT = { timeout: 60_000, interval: 20 };
const held = load({ short: { rooms: 20, rounds: 1 }, long: { rooms: 20, rounds: partOf(5) } });

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

describe('R3', () => {
  it('an instance dies between the insert and the publish of the last message: it still arrives', async () => {
    const stand = await foundation('distributed');
    closers.push(stand.dispose);
    const { hostname: host, port } = new URL(stand.env['REDIS_URL'] ?? '');
    const proxy = await startFaultProxy({ host, port: Number(port) });
    closers.push(proxy.close);
    const [dying, living] = await Promise.all([
      startServerChild({ env: { ...stand.env, REDIS_URL: `redis://${proxy.host}:${proxy.port}` } }),
      startServerChild({ env: stand.env }),
    ]);
    closers.push(dying.kill, living.kill);
    const published: string[] = [];
    const listener = new Redis(stand.env['REDIS_URL'] ?? '');
    closers.push(() => listener.disconnect());
    listener.on('pmessage', (_pattern, _channel, text: string) => published.push(text));
    await listener.psubscribe(`*${stand.env['REDIS_PREFIX']}*`);
    const visitor = await createVisitor(living.url());
    const history = createHistory();
    const roomIds: string[] = [];
    const longest: number[] = [];

    for (let round = 0; round < held.rounds; round += 1) {
      const rooms = await Promise.all(
        Array.from({ length: held.rooms }, () => createRoom(living.url(), visitor)),
      );
      roomIds.push(...rooms);
      for (const roomId of rooms)
        await sendMessage(living.url(), visitor, { roomId, text: `first in ${roomId}` });
      const followers = rooms.map((roomId) =>
        startFollower({ who: `follower-${roomId}`, roomId, target: () => living.url(), history }),
      );
      await Promise.all(followers.map(({ begun }) => begun));
      // Warm: both instances know the rooms.
      const senders = rooms.map((roomId) =>
        createSender({ who: `sender-${roomId}`, roomId, visitor, target: () => dying.url(), history }),
      );
      await Promise.all(senders.map((sender) => sender.send()));
      await vi.waitFor(
        () => expect(followers.map((one) => one.position())).toEqual(rooms.map(() => 2)),
        WAIT,
      );

      // What it publishes from here on gets stuck on the way, and dies with it.
      proxy.set({ blackhole: true });
      await Promise.all(senders.map((sender) => sender.send()));
      const acked = performance.now();
      await dying.kill();
      const last = history.events.flatMap((event) =>
        event.op === 'ack' && event.number === 3 && rooms.includes(event.room) ? [event.text] : [],
      );
      expect(last).toHaveLength(rooms.length);
      await vi.waitFor(
        () => expect(followers.map((one) => one.position())).toEqual(rooms.map(() => 3)),
        WAIT,
      );
      longest.push(performance.now() - acked);
      // None of them was published, neither then nor later.
      expect(last.filter((text) => published.some((payload) => payload.includes(text)))).toEqual([]);
      expect(published.length).toBeGreaterThan(0);
      proxy.heal();
      await Promise.all(followers.map((one) => one.stop()));
      if (round + 1 < held.rounds) await dying.restart();
    }

    const logs = new Map<string, readonly Stored[]>();
    for (const roomId of roomIds) logs.set(roomId, await readLog(living.url(), roomId));
    const violations = check(history.events, logs, IN_TIME);
    report({
      scenario: 'R3',
      load: `${held.rooms} rooms, ${held.rounds} kills before the publish, then silence`,
      acked: history.events.filter(({ op }) => op === 'ack').length,
      delivered: history.events.filter(({ op }) => op === 'deliver').length,
      violations: violations.length,
      exits: exitsOf([living]),
      notes: `the last arrived after ${longest.map(ms).join(', ')}`,
    });
    expect(violations).toEqual([]);
    expect(Math.max(...longest)).toBeLessThan(DELIVERED_WITHIN_MS * SLACK);
  });
});
