import { RateLimiterMemory } from 'rate-limiter-flexible';
import type { Metrics } from '../lib/metrics.js';
import type { RateLimits } from './rate-limits.js';
import { framesPerSocket, type Rates, ratesFor } from './rates.js';
import { type Count, countRates, type DrawInTurn, take } from './windows.js';

export interface RateLimitsOptions {
  /** Multiplies every rate; null allows everything. */
  readonly factor: number | null;
  readonly maxSocketsPerAddress: number;
  readonly metrics: Pick<Metrics, 'rateLimitRejected'>;
}

/** Allows everything. */
export const unlimited: RateLimits = {
  consume: () => Promise.resolve(null),
  consumeAll: () => Promise.resolve(null),
  framesPerSocket: null,
};

const oneByOne: DrawInTurn = async (draws) => {
  for (const draw of draws) {
    const wait = await take(draw);
    if (wait !== null) return { draw, wait };
  }
  return null;
};

/** Counts in this process. */
export const countInMemory = (rates: Rates): Count =>
  countRates(
    rates,
    (keyPrefix, { points, seconds }) => new RateLimiterMemory({ keyPrefix, points, duration: seconds }),
    oneByOne,
  );

/** What both adapters are over what counts for them. */
export function limitsOver(
  count: Count,
  { factor, metrics }: { factor: number; metrics: RateLimitsOptions['metrics'] },
): RateLimits {
  const counted: Count = async (asked) => {
    const refusal = await count(asked);
    if (refusal !== null) metrics.rateLimitRejected.inc({ limit: refusal.limit });
    return refusal;
  };
  return {
    framesPerSocket: framesPerSocket(factor),
    consume: async (limit, key, points = 1) => (await counted([{ limit, key, points }]))?.wait ?? null,
    consumeAll: async (budgets) =>
      (await counted(budgets.map(({ limit, key }) => ({ limit, key, points: 1 }))))?.wait ?? null,
  };
}

/** The port within one process: forgotten at a restart. */
export function createMemoryRateLimits({
  factor,
  maxSocketsPerAddress,
  metrics,
}: RateLimitsOptions): RateLimits {
  if (factor === null) return unlimited;
  return limitsOver(countInMemory(ratesFor({ maxSocketsPerAddress, factor })), { factor, metrics });
}
