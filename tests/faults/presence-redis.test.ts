import { Redis } from 'ioredis';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/lib/clock.js';
import { systemIds } from '../../src/lib/ids.js';
import { silentLogger, type Logger } from '../../src/lib/logger.js';
import { createMetrics } from '../../src/lib/metrics.js';
import { checkEviction } from '../../src/presence/eviction.redis.js';
import { createPresenceService } from '../../src/presence/presence-service.js';
import { createRedisPresenceStore } from '../../src/presence/presence-store.redis.js';
import { createRedisPubSub } from '../../src/pubsub/pubsub.redis.js';
import type { RankingChange } from '../../src/ranking/rank.js';
import { createRankingService } from '../../src/ranking/ranking-service.js';
import { connectRedis } from '../../src/redis/connection.js';
import { startRedisCluster } from '../testkit/redis-cluster.js';
import { startRedis } from '../testkit/services/index.js';
import { createJournal, createMessages, createRooms } from '../unit/presence/world.js';
import { SLACK, sleep } from './scenario.js';

const WINDOW_MS = 60_000;
const INTERVAL_MS = 100;
const PATIENCE = { timeout: 30_000, interval: 20 };
/** Promised: how soon after Redis is back the connected, and those who left, are counted right. */
const CONNECTED_MS = 5000;
const DEPARTED_MS = 10_000;
const opened: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});
const soon = (): AbortSignal => AbortSignal.timeout(PATIENCE.timeout);

/** What the instances share beside Redis: the durable store. */
function createShared() {
  return { rooms: createRooms(), messages: createMessages(systemClock).store, ...createJournal(systemClock) };
}
type Shared = ReturnType<typeof createShared>;

/** One instance: the production services, adapters and connection; the durable store is in memory. */
function instance(
  urls: readonly string[],
  { rooms, messages, journal }: Shared,
  { aheadMs = 0, log = silentLogger }: { aheadMs?: number; log?: Logger } = {},
) {
  const metrics = createMetrics({ version: 'test' });
  const clock = { ...systemClock, now: () => systemClock.now() + aheadMs };
  const common = { clock, ids: systemIds, chance: Math.random, log, metrics };
  const redis = connectRedis({ urls, prefix: 'fault', ...common });
  const store = createRedisPresenceStore({ redis, ...common, windowMs: WINDOW_MS, intervalMs: INTERVAL_MS });
  const pubsub = createRedisPubSub({ redis, ...common });
  const presence = createPresenceService({
    store,
    journal,
    rooms: rooms.store,
    messages,
    ...common,
    windowMs: WINDOW_MS,
  });
  const ranking = createRankingService({
    store,
    rooms: rooms.store,
    pubsub,
    ...common,
    intervalMs: INTERVAL_MS,
  });
  opened.push(
    () => redis.stop(),
    () => pubsub.stop(),
    () => presence.stop(),
    () => ranking.stop(),
  );
  return { redis, store, presence, ranking };
}
type Instance = ReturnType<typeof instance>;

const server = async (...args: string[]) => {
  const started = await startRedis({ args });
  opened.push(() => started.close());
  return started;
};

/** Visitors and online of a room as Redis has them, not as last known. */
async function countsIn({ store }: Instance, roomId = 'r') {
  const { loaded, rooms } = await store.counts([roomId]);
  const room = rooms.get(roomId);
  return { loaded, recentVisitorCount: room?.recentVisitorCount, onlineCount: room?.onlineCount };
}

/** How long it took, in milliseconds, until the room was counted like this. */
async function healed(one: Instance, expected: object): Promise<number> {
  const began = performance.now();
  await vi.waitFor(async () => expect(await countsIn(one)).toMatchObject(expected), PATIENCE);
  return performance.now() - began;
}

/** Two instances with three visitors of one room, one of whom has left. */
async function populate(urls: readonly string[], shared: Shared) {
  const [here, there] = [instance(urls, shared), instance(urls, shared)];
  shared.rooms.add('r', new Date());
  await healed(here, { loaded: true });
  await here.presence.roomCreated('r', new Date());
  here.presence.join('r', 'both');
  there.presence.join('r', 'both');
  there.presence.join('r', 'there');
  const leave = here.presence.join('r', 'departed');
  await healed(here, { recentVisitorCount: 3, onlineCount: 3 });
  leave();
  await healed(here, { recentVisitorCount: 3, onlineCount: 2 });
  await vi.waitFor(() => expect(shared.visits.size).toBe(3), PATIENCE);
  return { here, there };
}

describe('presence over Redis', () => {
  it('heals ten times in a row when Redis loses everything: the connected in 5 s, the departed in 10 s', async () => {
    const { url } = await server();
    const { here, there } = await populate([url], createShared());
    const admin = new Redis(url);
    opened.push(() => admin.disconnect());
    const times: { connected: number; departed: number }[] = [];
    for (let round = 0; round < 10; round += 1) {
      await admin.flushall();
      const began = performance.now();
      expect((await there.presence.counts(['r'])).get('r')?.recentVisitorCount).toBeGreaterThanOrEqual(0);
      const connected = await healed(here, { onlineCount: 2 });
      await healed(there, { loaded: true, recentVisitorCount: 3, onlineCount: 2 });
      times.push({ connected, departed: performance.now() - began });
    }
    expect(Math.max(...times.map(({ connected }) => connected))).toBeLessThan(CONNECTED_MS * SLACK);
    expect(Math.max(...times.map(({ departed }) => departed))).toBeLessThan(DEPARTED_MS * SLACK);
  });

  it('heals after a restart that keeps nothing, and after one that brings back old data', async () => {
    const redis = await server();
    const { here, there } = await populate([redis.url], createShared());
    await redis.kill();
    await redis.start();
    expect(await healed(here, { loaded: true, recentVisitorCount: 3, onlineCount: 2 })).toBeLessThan(
      DEPARTED_MS * SLACK,
    );

    const admin = new Redis(redis.url);
    await admin.save();
    admin.disconnect();
    const leave = there.presence.join('r', 'later');
    await healed(here, { recentVisitorCount: 4, onlineCount: 3 });
    leave();
    await healed(here, { recentVisitorCount: 4, onlineCount: 2 });
    await redis.kill();
    await redis.start();
    expect(await healed(here, { loaded: true, recentVisitorCount: 4, onlineCount: 2 })).toBeLessThan(
      DEPARTED_MS * SLACK,
    );
  });

  it('gives the last known counts and rooms while Redis hangs, and lets visits succeed', async () => {
    const redis = await server();
    const shared = createShared();
    const { here, there } = await populate([redis.url], shared);
    await vi.waitFor(async () => {
      expect((await here.ranking.page(20, null, soon())).entries[0]?.standing.recentVisitorCount).toBe(3);
    }, PATIENCE);
    expect((await here.presence.counts(['r'])).get('r')).toMatchObject({ recentVisitorCount: 3 });
    await redis.pause();
    await here.presence.visit('r', 'during');
    there.presence.join('r', 'during');
    expect((await here.presence.counts(['r'])).get('r')).toMatchObject({ recentVisitorCount: 3 });
    expect((await here.ranking.page(20, null, soon())).entries).toHaveLength(1);
    await redis.resume();
    await healed(here, { loaded: true, recentVisitorCount: 4, onlineCount: 3 });
  });

  it('loses nothing when an instance starts before Redis does', async () => {
    const redis = await server();
    await redis.kill();
    const shared = createShared();
    shared.rooms.add('r', new Date());
    const here = instance([redis.url], shared);
    here.presence.join('r', 'v');
    await here.presence.visit('r', 'w');
    const page = await here.ranking.page(20, null, soon());
    expect(page.entries.map(({ standing }) => standing.roomId)).toEqual(['r']);
    await redis.start();
    await healed(here, { loaded: true, recentVisitorCount: 2, onlineCount: 1 });
    await vi.waitFor(async () => {
      expect((await here.ranking.page(20, null, soon())).entries[0]?.standing.recentVisitorCount).toBe(2);
    }, PATIENCE);
  });

  it('counts by the clock of Redis, however wrong those of the instances are', async () => {
    const { url } = await server();
    const shared = createShared();
    shared.rooms.add('r', new Date());
    const hour = 3_600_000;
    const [early, late] = [
      instance([url], shared, { aheadMs: -hour }),
      instance([url], shared, { aheadMs: hour }),
    ];
    await healed(early, { loaded: true });
    await Promise.all([early.presence.visit('r', 'v'), late.presence.visit('r', 'w')]);
    early.presence.join('r', 'x');
    late.presence.join('r', 'x');
    await healed(late, { recentVisitorCount: 3, onlineCount: 1 });
    const admin = new Redis(url);
    opened.push(() => admin.disconnect());
    const [seconds] = await admin.time();
    const ends = await admin.zrange('{fault}:exp', 0, -1, 'WITHSCORES');
    const left = ends
      .filter((_, place) => place % 2 === 1)
      .map((end) => Number(end) / 1000 - Number(seconds));
    expect(left).toHaveLength(3);
    for (const each of left) {
      expect(each).toBeGreaterThan(WINDOW_MS / 1000 - 30);
      expect(each).toBeLessThanOrEqual(WINDOW_MS / 1000 + 1);
    }
    // And ranks by it: each message bears the time that its instance believes.
    late.presence.activity('before', 1, new Date(Date.now() + hour), true);
    await sleep(1100);
    early.presence.activity('after', 1, new Date(Date.now() - hour), true);
    await vi.waitFor(async () => {
      const { entries } = await late.ranking.page(20, null, soon());
      expect(entries.map(({ standing }) => standing.roomId)).toEqual(['r', 'after', 'before']);
    }, PATIENCE);
  });

  it('sounds an alarm when the eviction policy is changed for one that forgets', async () => {
    const { url } = await server();
    const alarms: string[] = [];
    const log: Logger = { ...silentLogger, error: (_fields, message) => void alarms.push(message) };
    const here = instance([url], createShared(), { log });
    await healed(here, { loaded: true });
    const admin = new Redis(url);
    opened.push(() => admin.disconnect());
    await admin.config('SET', 'maxmemory-policy', 'volatile-ttl');
    // It is looked at each minute: now.
    await admin.hset('{fault}:meta', 'healAt', 0);
    await vi.waitFor(() => expect(alarms).toContainEqual(expect.stringContaining('volatile-ttl')), PATIENCE);
  });

  it('refuses an eviction policy that forgets, in words that say how to fix it', async () => {
    const { url } = await server('--maxmemory-policy', 'allkeys-lru');
    const here = instance([url], createShared());
    await healed(here, { loaded: true });
    expect(await checkEviction(here.redis)).toMatch(/allkeys-lru.*maxmemory-policy noeviction/);
    const admin = new Redis(url);
    await admin.config('SET', 'maxmemory-policy', 'noeviction');
    admin.disconnect();
    expect(await checkEviction(here.redis)).toBeNull();
  });
});

describe('the ranking over two instances', () => {
  it('P6: is one: pages and changes of 2,500 rooms go on where the other instance stopped, while it moves', async () => {
    const { url } = await server();
    const shared = createShared();
    const ids = Array.from({ length: 2500 }, (_, index) => `room${String(index).padStart(4, '0')}`);
    for (const [index, id] of ids.entries()) shared.rooms.add(id, new Date(Date.now() - index * 1000));
    const [here, there] = [instance([url], shared), instance([url], shared)];
    await vi.waitFor(async () => {
      expect((await there.ranking.page(100, null, soon())).totalCount).toBe(ids.length);
    }, PATIENCE);
    let moves = 0;
    const move = () => {
      moves += 1;
      void here.presence.visit(ids[(moves * 997) % ids.length]!, `v${moves}`);
    };
    const timer = setInterval(move, 10);
    opened.push(() => clearInterval(timer));

    const start = await here.ranking.page(50, null, soon());
    const held = new Map(start.entries.map(({ standing }) => [standing.roomId, standing]));
    let order: readonly string[] = start.entries.map(({ standing }) => standing.roomId);
    let cursor = start.resumeCursor;
    const events: RankingChange[] = [];
    for (let turn = 0; turn < 20; turn += 1) {
      // Each turn is a reconnect to the other instance.
      const source = (turn % 2 === 0 ? there : here).ranking.follow(50);
      const position = await source.begin(cursor, soon());
      await vi.waitFor(async () => {
        const read = await source.read(position, { limit: 1, replayed: false, mayJump: false });
        expect(read).toHaveLength(1);
        events.push(read[0]!.event);
      }, PATIENCE);
      const event = events.at(-1)!;
      for (const standing of event.standings) held.set(standing.roomId, standing);
      order = event.order ?? order;
      cursor = event.cursor;
      source.close();
    }
    expect(events.some(({ complete }) => complete)).toBe(false);

    const seen: string[] = [];
    let newest = '';
    for (let after: string | null = null, turn = 0; ; turn += 1) {
      const page = await (turn % 2 === 0 ? here : there).ranking.page(100, after, soon());
      seen.push(...page.entries.map(({ standing }) => standing.roomId));
      if (!page.hasNextPage) break;
      // The order changes between any two pages.
      await vi.waitFor(async () => {
        const { resumeCursor } = await here.ranking.page(1, null, soon());
        expect(resumeCursor).not.toBe(newest);
        newest = resumeCursor;
      }, PATIENCE);
      after = page.entries.at(-1)!.cursor;
    }
    expect(seen).toHaveLength(ids.length);
    expect(new Set(seen)).toEqual(new Set(ids));

    clearInterval(timer);
    const last = there.ranking.follow(50);
    let position = await last.begin(cursor, soon());
    await vi.waitFor(async () => {
      for (const delivery of await last.read(position, { limit: 1, replayed: false, mayJump: false })) {
        for (const standing of delivery.event.standings) held.set(standing.roomId, standing);
        order = delivery.event.order ?? order;
        position = delivery.position;
      }
      const [one, other] = await Promise.all([
        here.ranking.page(50, null, soon()),
        there.ranking.page(50, null, soon()),
      ]);
      expect(one.entries).toEqual(other.entries);
      expect(order.map((roomId) => held.get(roomId))).toEqual(one.entries.map(({ standing }) => standing));
    }, PATIENCE);
  });

  it('works on a cluster of three nodes', async () => {
    const cluster = await startRedisCluster({ masters: 3, key: '{fault}:meta' });
    opened.push(() => cluster.close());
    const shared = createShared();
    const { here, there } = await populate(cluster.urls, shared);
    await vi.waitFor(async () => {
      for (const { ranking } of [here, there]) {
        const { entries } = await ranking.page(20, null, soon());
        expect(entries.map(({ standing }) => standing)).toMatchObject([
          { recentVisitorCount: 3, onlineCount: 2 },
        ]);
      }
    }, PATIENCE);
    expect(await checkEviction(here.redis)).toBeNull();
  });
});
