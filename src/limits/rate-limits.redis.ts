import { type RateLimiterAbstract, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import type { Clock } from '../lib/clock.js';
import type { Logger } from '../lib/logger.js';
import type { RedisConnection } from '../redis/connection.js';
import { createBreaker } from './breaker.js';
import { type RateLimitsOptions, countInMemory, unlimited } from './rate-limits.memory.js';
import { forEachLimit, type RateLimit, type RateLimits } from './rate-limits.js';
import { type Rates, type Rule, type Window, ratesFor } from './rates.js';

/** Makes what counts one window; `name` is unique among all windows. */
type MakeWindow = (name: string, window: Window) => RateLimiterAbstract;

/** What counts one limit: null when allowed, else milliseconds to wait. Rejects when Redis fails. */
type Count = (key: string, points: number) => Promise<number | null>;

async function spend(limiter: RateLimiterAbstract, key: string, points: number): Promise<number | null> {
  try {
    await limiter.consume(key, points);
    return null;
  } catch (refusal) {
    if (!(refusal instanceof RateLimiterRes)) throw refusal;
    return Math.max(1, Math.ceil(refusal.msBeforeNext));
  }
}

function countRule(name: string, rule: Rule, make: MakeWindow): Count {
  const steady = make(name, rule);
  const burst = rule.burst === undefined ? null : make(`${name}-burst`, rule.burst);
  return async (key, points) => {
    const wait = await spend(steady, key, points);
    if (wait === null || burst === null) return wait;
    const burstWait = await spend(burst, key, points);
    // Whichever comes back first.
    return burstWait === null ? null : Math.min(wait, burstWait);
  };
}

/** Counts every limit of `rates` in windows that `make` makes. */
const countRates = (rates: Rates, make: MakeWindow): Readonly<Record<RateLimit, Count>> =>
  forEachLimit((limit) => {
    const rules = rates[limit].rules.map((rule, index) => countRule(`${limit}-${index}`, rule, make));
    return async (key, points) => {
      // One after the other: what one rule refuses must not use up the next one.
      for (const rule of rules) {
        const wait = await rule(key, points);
        if (wait !== null) return wait;
      }
      return null;
    };
  });

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
  const alone = countInMemory(rates, clock);
  const together = countRates(
    rates,
    (name, { points, seconds }) =>
      new RateLimiterRedis({
        storeClient: redis.commands,
        keyPrefix: redis.key(`limit:${name}`),
        points,
        duration: seconds,
        rejectIfRedisNotReady: true,
        // A caller that is over its limit costs Redis nothing until its window ends.
        inMemoryBlockOnConsumed: points + 1,
      }),
  );
  const breaker = createBreaker({
    clock,
    trial: () => redis.commands.set(redis.key('limit:trial'), '1', 'PX', 1),
    onChange(open) {
      if (open) log.warn({}, 'rate limits are counted per instance while Redis does not answer');
      else log.info({}, 'rate limits are counted over all instances again');
    },
  });
  return {
    async consume(limit, key, points = 1) {
      const alike = () => alone[limit](key, points);
      const wait = rates[limit].shared
        ? await breaker.run(
            () => together[limit](key, points),
            () => Promise.resolve(alike()),
          )
        : alike();
      if (wait !== null) metrics.rateLimitRejected.inc({ limit });
      return wait;
    },
    stop: () => breaker.stop(),
  };
}
