import { Redis } from 'ioredis';
import { afterEach, expect, vi } from 'vitest';
import { systemClock } from '../../src/lib/clock.js';
import { systemIds } from '../../src/lib/ids.js';
import { silentLogger } from '../../src/lib/logger.js';
import { createMetrics } from '../../src/lib/metrics.js';
import { MAX_STORE_BATCH, type Touch } from '../../src/presence/presence-store.js';
import { createRedisPresenceStore } from '../../src/presence/presence-store.redis.js';
import { createMemoryPubSub } from '../../src/pubsub/pubsub.memory.js';
import { createRankingService } from '../../src/ranking/ranking-service.js';
import { connectRedis } from '../../src/redis/connection.js';
import { startRedis } from '../testkit/services/index.js';
import { createRooms } from '../unit/presence/world.js';

const WAIT = { timeout: 60_000, interval: 10 };
/** Batches under way at once while a store is filled. */
const LANES = 4;
const HALF_HOUR_MS = 1_800_000;
export const soon = (): AbortSignal => AbortSignal.timeout(WAIT.timeout);

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** A Redis of our own, with the presence store as the server makes it, and a view behind its back. */
export async function createWorld({ windowMs = HALF_HOUR_MS, intervalMs = 1000 } = {}) {
  const { url } = await startRedis().then((redis) => {
    closers.push(() => redis.close());
    return redis;
  });
  const admin = new Redis(url);
  closers.push(() => admin.disconnect());
  const common = { log: silentLogger, metrics: createMetrics({ version: 'test' }) };
  const redis = connectRedis({ urls: [url], prefix: 'size', clock: systemClock, ...common });
  closers.push(() => redis.stop());
  await vi.waitFor(() => expect(redis.status()).toBe('ok'), WAIT);
  const store = createRedisPresenceStore({ redis, ...common, windowMs, intervalMs });
  const { epoch, now } = await store.beat('i');
  await store.fulfilled('i', epoch, 'load', now);

  async function inBatches<Item>(items: readonly Item[], send: (batch: readonly Item[]) => Promise<unknown>) {
    for (let start = 0; start < items.length; start += MAX_STORE_BATCH * LANES) {
      const lanes = Array.from({ length: LANES }, (_, lane) => start + lane * MAX_STORE_BATCH)
        .map((from) => items.slice(from, from + MAX_STORE_BATCH))
        .filter((batch) => batch.length > 0);
      await Promise.all(lanes.map((batch) => insistent(() => send(batch))));
    }
  }

  /** How often each command was called since the last reset, from inside scripts too. */
  async function calls(): Promise<Map<string, number>> {
    const stats = await admin.info('commandstats');
    const found = [...stats.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)];
    return new Map(found.map(([, name, count]) => [name ?? '', Number(count)]));
  }

  const rooms = createRooms();
  const startRanking = () => {
    const ranking = createRankingService({
      store,
      rooms: rooms.store,
      pubsub: createMemoryPubSub({ log: silentLogger }),
      clock: systemClock,
      chance: Math.random,
      log: silentLogger,
      intervalMs,
    });
    closers.push(() => ranking.stop());
    return ranking;
  };

  return {
    admin,
    store,
    startRanking,
    calls,
    resetCalls: () => admin.config('RESETSTAT'),
    touch: (touches: readonly Touch[]) =>
      inBatches(touches, (batch) => store.touch('0123456789abcdef', batch)),
    addRooms(ids: readonly string[]) {
      const at = Date.now() - 60_000;
      for (const id of ids) rooms.add(id, new Date(at));
      return inBatches(ids, (batch) => store.raise(batch.map((roomId) => ({ roomId, number: 1, at }))));
    },
    memory: async () => Number(/^used_memory:(\d+)/m.exec(await admin.info('memory'))?.[1]),
  };
}

export type World = Awaited<ReturnType<typeof createWorld>>;

/** A command that a busy machine was too slow for is repeated: repeats change nothing. */
async function insistent(send: () => Promise<unknown>): Promise<void> {
  await vi.waitFor(send, WAIT);
}

export const uuids = (count: number): string[] => Array.from({ length: count }, () => systemIds.uuid());
