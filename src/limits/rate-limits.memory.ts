import type { Clock } from '../lib/clock.js';
import type { Metrics } from '../lib/metrics.js';
import { forEachLimit, type RateLimit, type RateLimits } from './rate-limits.js';
import { type Rates, type Rule, ratesFor } from './rates.js';
import { createFixedWindow, type Spend } from './fixed-window.js';

export interface RateLimitsOptions {
  /** Multiplies every rate; null allows everything. */
  readonly factor: number | null;
  readonly maxSocketsPerAddress: number;
  readonly metrics: Pick<Metrics, 'rateLimitRejected'>;
}

/** The answer to nearly every question, made once. */
const ALLOWED = Promise.resolve(null);

/** Allows everything. */
export const unlimited: RateLimits = { consume: () => ALLOWED };

function spendRule({ burst, ...steady }: Rule, clock: Clock): Spend {
  const spendSteady = createFixedWindow(steady, clock);
  if (burst === undefined) return spendSteady;
  const spendBurst = createFixedWindow(burst, clock);
  return (key, points) => {
    const wait = spendSteady(key, points);
    if (wait === null) return null;
    const burstWait = spendBurst(key, points);
    // Whichever comes back first.
    return burstWait === null ? null : Math.min(wait, burstWait);
  };
}

/** Counts every limit of `rates` in this process. */
export const countInMemory = (rates: Rates, clock: Clock): Readonly<Record<RateLimit, Spend>> =>
  forEachLimit((limit) => {
    const rules = rates[limit].rules.map((rule) => spendRule(rule, clock));
    return (key, points) => {
      // One after the other: what one rule refuses must not use up the next one.
      for (const spend of rules) {
        const wait = spend(key, points);
        if (wait !== null) return wait;
      }
      return null;
    };
  });

/** The port within one process: forgotten at a restart. */
export function createMemoryRateLimits({
  factor,
  maxSocketsPerAddress,
  metrics,
  clock,
}: RateLimitsOptions & { readonly clock: Clock }): RateLimits {
  if (factor === null) return unlimited;
  const spend = countInMemory(ratesFor({ maxSocketsPerAddress, factor }), clock);
  return {
    consume(limit, key, points = 1) {
      const wait = spend[limit](key, points);
      if (wait === null) return ALLOWED;
      metrics.rateLimitRejected.inc({ limit });
      return Promise.resolve(wait);
    },
  };
}
