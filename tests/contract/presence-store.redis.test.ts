import { once } from 'node:events';
import { expect, it, onTestFinished } from 'vitest';
import { silentLogger } from '../../src/lib/logger.js';
import { createMetrics } from '../../src/lib/metrics.js';
import { createRedisPresenceStore } from '../../src/presence/presence-store.redis.js';
import { connectRedis } from '../../src/redis/connection.js';
import { redisForTests } from '../testkit/services/index.js';
import { onTestClock } from '../testkit/presence-clock.js';
import { describePresenceStore } from './presence-store.suite.js';

async function open() {
  const { url, prefix, dispose } = await redisForTests();
  const redis = connectRedis({
    urls: [url],
    prefix,
    log: silentLogger,
    metrics: createMetrics({ version: 'test' }),
  });
  if (redis.commands.status !== 'ready') await once(redis.commands, 'ready');
  const windowMs = 1_800_000;
  const intervalMs = 1000;
  const clock = await onTestClock(redis);
  return {
    redis,
    store: createRedisPresenceStore({ redis, log: silentLogger, windowMs, intervalMs, script: clock.script }),
    windowMs,
    intervalMs,
    now: clock.now,
    advance: clock.advance,
    async close() {
      await redis.stop();
      await dispose();
    },
  };
}

describePresenceStore('Redis', open);

it('RANK-1: a list that was lost while nobody was there is taken anew, though nothing changed', async () => {
  const { store, redis, intervalMs, now, advance, close } = await open();
  onTestFinished(close);
  const { epoch, now: loadedAt } = await store.beat('instance');
  await store.fulfilled('instance', epoch, 'load', loadedAt);
  await store.raise([{ roomId: 'r', number: 1, at: now() }]);
  expect(await store.tick(epoch, 0)).toMatchObject({ revision: 1 });
  // As it expires when no instance runs for a day.
  await redis.commands.del(redis.key(`rev:${epoch}:1`));
  expect(await store.snapshot(epoch, 1)).toBe(null);
  await advance(intervalMs);
  const { taken } = await store.tick(epoch, 1);
  expect(taken?.rooms.map(({ roomId }) => roomId)).toEqual(['r']);
});
