import { systemClock } from '../../src/lib/clock.js';
import { silentLogger } from '../../src/lib/logger.js';
import { createMetrics, type Metrics } from '../../src/lib/metrics.js';
import { connectRedis, type RedisConnection } from '../../src/redis/connection.js';

/** A connection to Redis as an instance has it, by the machine's clock, that says nothing. */
export const openRedis = (
  urls: readonly string[],
  prefix: string,
  metrics: Pick<Metrics, 'redisUp'> = createMetrics({ version: 'test' }),
): RedisConnection => connectRedis({ urls, prefix, clock: systemClock, log: silentLogger, metrics });
