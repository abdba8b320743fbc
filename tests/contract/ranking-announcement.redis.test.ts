import { afterEach, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/lib/clock.js';
import { systemIds } from '../../src/lib/ids.js';
import { silentLogger } from '../../src/lib/logger.js';
import { createMetrics } from '../../src/lib/metrics.js';
import { createRedisPresenceStore } from '../../src/presence/presence-store.redis.js';
import { createRedisPubSub } from '../../src/pubsub/pubsub.redis.js';
import { openRedis } from '../testkit/redis-connection.js';
import { redisForTests } from '../testkit/services/index.js';

const PATIENCE = { timeout: 20_000, interval: 20 };
const opened: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

it('what the script of the presence store announces is an event of the topic roomRanking', async () => {
  const { url, prefix } = await redisForTests();
  const metrics = createMetrics({ version: 'test' });
  const redis = openRedis([url], prefix, metrics);
  const pubsub = createRedisPubSub({ redis, clock: systemClock, ids: systemIds, log: silentLogger, metrics });
  const store = createRedisPresenceStore({ redis, log: silentLogger, windowMs: 1_800_000, intervalMs: 50 });
  opened.push(
    () => redis.stop(),
    () => pubsub.stop(),
  );
  const announced: { epoch: string; revision: number }[] = [];
  await pubsub.subscribe('roomRanking', 'all', (event) => announced.push(event)).ready;

  await vi.waitFor(() => expect(redis.status()).toBe('ok'), PATIENCE);
  const { epoch, duty } = await store.beat('instance');
  await store.loading('instance', epoch);
  await store.fulfilled('instance', epoch, duty?.kind ?? 'load', 0);
  await store.raise([{ roomId: 'room', number: 1, at: Date.now() }]);
  await vi.waitFor(async () => {
    const { taken, revision } = await store.tick(epoch, 0);
    expect(taken ?? (await store.snapshot(epoch, revision))).not.toBeNull();
  }, PATIENCE);
  await vi.waitFor(() => expect(announced).toContainEqual({ epoch, revision: 1 }), PATIENCE);
  expect(await metrics.registry.getSingleMetricAsString('chat_bus_events_dropped_total')).toContain(
    '{topic="roomRanking"} 0',
  );
});
