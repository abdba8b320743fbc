import { silentLogger } from '../../src/lib/logger.js';
import { systemClock } from '../../src/lib/clock.js';
import { systemIds } from '../../src/lib/ids.js';
import { createMetrics } from '../../src/lib/metrics.js';
import { createRedisPubSub } from '../../src/pubsub/pubsub.redis.js';
import { connectRedis } from '../../src/redis/connection.js';
import { redisForTests } from '../testkit/services/index.js';
import { describePubSub } from './pubsub.suite.js';

describePubSub('Redis', async () => {
  const { url, prefix } = await redisForTests();
  const metrics = createMetrics({ version: 'test' });
  const instances = [0, 1].map(() => {
    const redis = connectRedis({ urls: [url], prefix, log: silentLogger, metrics });
    const pubsub = createRedisPubSub({
      redis,
      clock: systemClock,
      ids: systemIds,
      log: silentLogger,
      metrics,
    });
    return { redis, pubsub };
  });
  return {
    here: instances[0]!.pubsub,
    there: instances[1]!.pubsub,
    async close() {
      await Promise.all(instances.map(({ pubsub }) => pubsub.stop()));
      await Promise.all(instances.map(({ redis }) => redis.stop()));
    },
  };
});
