import { once } from 'node:events';
import { silentLogger } from '../../src/lib/logger.js';
import { createMetrics } from '../../src/lib/metrics.js';
import { createRedisPresenceStore } from '../../src/presence/presence-store.redis.js';
import { connectRedis } from '../../src/redis/connection.js';
import { redisForTests } from '../testkit/services/index.js';
import { onTestClock } from '../testkit/presence-clock.js';
import { describePresenceStore } from './presence-store.suite.js';

describePresenceStore('Redis', async () => {
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
});
