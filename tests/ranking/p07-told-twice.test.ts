import { afterEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/lib/clock.js';
import { systemIds } from '../../src/lib/ids.js';
import { silentLogger } from '../../src/lib/logger.js';
import { createMetrics } from '../../src/lib/metrics.js';
import { createPresenceService } from '../../src/presence/presence-service.js';
import type { PresenceStore } from '../../src/presence/presence-store.js';
import { createRedisPresenceStore } from '../../src/presence/presence-store.redis.js';
import { connectRedis } from '../../src/redis/connection.js';
import { startFaultProxy } from '../testkit/faults/proxy.js';
import { startRedis } from '../testkit/services/index.js';
import { createJournal, createMessages, createRooms } from '../unit/presence/world.js';
import { load, say } from '../faults/scenario.js';

const WAIT = { timeout: 60_000, interval: 20 };
const WINDOW_MS = 600_000;
const ROOMS = ['a', 'b', 'c'];
const VISITORS = 30;
const held = load({ short: { rounds: 1 }, long: { rounds: 30 } });

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

describe('P7', () => {
  it('visits, joins and leaves whose answers are lost are told again, and change no count twice', async () => {
    const redis = await startRedis();
    closers.push(() => redis.close());
    const proxy = await startFaultProxy({ host: '127.0.0.1', port: redis.port });
    closers.push(() => proxy.close());
    const common = { log: silentLogger, metrics: createMetrics({ version: 'test' }) };
    const connection = connectRedis({
      urls: [`redis://${proxy.host}:${proxy.port}`],
      prefix: 'twice',
      clock: systemClock,
      ...common,
    });
    closers.push(() => connection.stop());
    const inner = createRedisPresenceStore({
      redis: connection,
      ...common,
      windowMs: WINDOW_MS,
      intervalMs: 1000,
    });
    let told = 0;
    const store: PresenceStore = {
      ...inner,
      touch(instance, touches) {
        told += touches.length;
        return inner.touch(instance, touches);
      },
    };
    const presence = createPresenceService({
      store,
      journal: createJournal(systemClock).journal,
      rooms: createRooms().store,
      messages: createMessages(systemClock).store,
      clock: systemClock,
      ids: systemIds,
      chance: Math.random,
      windowMs: WINDOW_MS,
      ...common,
    });
    closers.push(() => presence.stop());
    const counted = async () => {
      const { loaded, rooms } = await inner.counts(ROOMS);
      return [
        loaded,
        ...ROOMS.map((id) => rooms.get(id)).map((r) => [r?.recentVisitorCount, r?.onlineCount]),
      ];
    };
    const expectCounts = (visitors: number, online: number) =>
      vi.waitFor(
        async () => expect(await counted()).toEqual([true, ...ROOMS.map(() => [visitors, online])]),
        WAIT,
      );
    await expectCounts(0, 0);

    const told0 = told;
    for (let round = 0; round < held.rounds; round += 1) {
      const lostBefore = proxy.lost();
      // What is asked takes place, and no answer comes back.
      proxy.set({ lostAnswers: 1 });
      const leaves = ROOMS.flatMap((room) =>
        Array.from({ length: VISITORS }, (_, index) => presence.join(room, `v${index}`)),
      );
      for (const room of ROOMS) void presence.visit(room, `guest${round}`);
      // Some leave while their joins may or may not have been counted.
      for (const leave of leaves.filter((_, index) => index % 3 === 0)) leave();
      await vi.waitFor(() => expect(proxy.lost()).toBeGreaterThan(lostBefore), WAIT);
      proxy.heal();
      await expectCounts(VISITORS + round + 1, (VISITORS * 2) / 3);
      for (const leave of leaves) leave();
      await expectCounts(VISITORS + round + 1, 0);
    }
    const once = held.rounds * ROOMS.length * (VISITORS * 2 + 1);
    expect(told - told0).toBeGreaterThan(once);
    say(
      `P7: ${proxy.lost()} answers of Redis lost: ${told - told0} touches told for ${once} joins, leaves and visits; counts exact`,
    );
  });
});
