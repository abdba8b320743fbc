import type { Metrics } from '../lib/metrics.js';
import type { RateLimits } from './rate-limits.js';
import { framesPerSocket } from './rates.js';
import type { Count } from './windows.js';

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
