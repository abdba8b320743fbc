import { RateLimiterRedis } from 'rate-limiter-flexible';
import type { Clock } from '../lib/clock.js';
import type { Logger } from '../lib/logger.js';
import type { RedisConnection } from '../redis/connection.js';
import { createBreaker } from './breaker.js';
import { limitsOver, type RateLimitsOptions, unlimited } from './limits-over.js';
import type { RateLimits } from './rate-limits.js';
import { ratesFor } from './rates.js';
import { countInMemory } from './windows.memory.js';
import { createWindowScript } from './windows.redis.js';
import { countRates, type DrawInTurn, take } from './windows.js';

/**
 * The port over Redis: all instances count together. While Redis does not answer, each instance counts by itself
 * with the same rates: callers wait for Redis once, for 50 ms, and limits never fail open.
 */
export function createRedisRateLimits(
  deps: RateLimitsOptions & { redis: RedisConnection; clock: Clock; log: Logger },
): RateLimits & { stop(): void } {
  const { factor, maxSocketsPerAddress, metrics, redis, clock, log } = deps;
  if (factor === null) return { ...unlimited, stop: () => undefined };
  const rates = ratesFor({ maxSocketsPerAddress, factor });
  const script = createWindowScript(redis);
  const inOneTrip: DrawInTurn = async (draws) => {
    const waits = await Promise.all(script.inOneTrip(draws.map((draw) => () => take(draw))));
    for (const [index, draw] of draws.entries()) {
      const wait = waits[index] ?? null;
      if (wait !== null) return { draw, wait };
    }
    return null;
  };
  const alone = countInMemory(rates);
  const together = countRates(
    rates,
    (name, { points, seconds }) =>
      new RateLimiterRedis({
        storeClient: script.client,
        keyPrefix: redis.key(`limit:${name}`),
        points,
        duration: seconds,
        rejectIfRedisNotReady: true,
        // A caller that is over its limit costs Redis nothing until its window ends.
        inMemoryBlockOnConsumed: points + 1,
      }),
    inOneTrip,
  );
  const breaker = createBreaker({
    clock,
    trial: () => redis.commands.set(redis.key('limit:trial'), '1', 'PX', 1),
    onChange(open) {
      if (open) log.warn({}, 'rate limits are counted per instance while Redis does not answer');
      else log.info({}, 'rate limits are counted over all instances again');
    },
  });
  const limits = limitsOver(
    (asked) =>
      asked.every(({ limit }) => rates[limit].shared)
        ? breaker.run(
            () => together(asked),
            () => alone(asked),
          )
        : alone(asked),
    { factor, metrics },
  );
  return { ...limits, stop: () => breaker.stop() };
}
