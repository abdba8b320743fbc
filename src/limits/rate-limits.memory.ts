import { type RateLimiterAbstract, RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import type { Metrics } from '../lib/metrics.js';
import type { RateLimit, RateLimits, Window } from './rate-limits.js';
import { framesPerSocket, type Rates, type Rule, ratesFor } from './rates.js';

export interface RateLimitsOptions {
  /** Multiplies every rate; null allows everything. */
  readonly factor: number | null;
  readonly maxSocketsPerAddress: number;
  readonly metrics: Pick<Metrics, 'rateLimitRejected'>;
}

/** Makes what counts one window; `name` is unique among all windows. */
export type MakeWindow = (name: string, window: Window) => RateLimiterAbstract;

/** What counts one limit: null when allowed, else milliseconds to wait. Rejects when its store fails. */
export type Count = (key: string, points: number) => Promise<number | null>;

/** Allows everything. */
export const unlimited: RateLimits = { consume: () => Promise.resolve(null), framesPerSocket: null };

const allowed = (): null => null;

function waitOf(refusal: unknown): number {
  if (!(refusal instanceof RateLimiterRes)) throw refusal;
  return Math.max(1, Math.ceil(refusal.msBeforeNext));
}

const countWindow =
  (limiter: RateLimiterAbstract): Count =>
  (key, points) =>
    limiter.consume(key, points).then(allowed, waitOf);

function countRule(name: string, rule: Rule, make: MakeWindow): Count {
  const steady = countWindow(make(name, rule));
  if (rule.burst === undefined) return steady;
  const burst = countWindow(make(`${name}-burst`, rule.burst));
  return async (key, points) => {
    const wait = await steady(key, points);
    if (wait === null) return null;
    const burstWait = await burst(key, points);
    // Whichever comes back first.
    return burstWait === null ? null : Math.min(wait, burstWait);
  };
}

/** Counts every limit of `rates` in windows that `make` makes. */
export function countRates(rates: Rates, make: MakeWindow): Readonly<Record<RateLimit, Count>> {
  const count = (limit: RateLimit): Count => {
    const rules = rates[limit].rules.map((rule, index) => countRule(`${limit}-${index}`, rule, make));
    const [only, another] = rules;
    if (only !== undefined && another === undefined) return only;
    return async (key, points) => {
      // One after the other: what one rule refuses must not use up the next one.
      for (const rule of rules) {
        const wait = await rule(key, points);
        if (wait !== null) return wait;
      }
      return null;
    };
  };
  return {
    sendPerVisitor: count('sendPerVisitor'),
    sendPerAddress: count('sendPerAddress'),
    sendPerRoom: count('sendPerRoom'),
    createRoomPerVisitor: count('createRoomPerVisitor'),
    createVisitorPerAddress: count('createVisitorPerAddress'),
    queryPerCaller: count('queryPerCaller'),
    refusedPerCaller: count('refusedPerCaller'),
    connectPerAddress: count('connectPerAddress'),
    upgradePerInstance: count('upgradePerInstance'),
  };
}

/** Counts in this process. */
export const countInMemory = (rates: Rates): Readonly<Record<RateLimit, Count>> =>
  countRates(
    rates,
    (keyPrefix, { points, seconds }) => new RateLimiterMemory({ keyPrefix, points, duration: seconds }),
  );

/** The port within one process: forgotten at a restart. */
export function createMemoryRateLimits({
  factor,
  maxSocketsPerAddress,
  metrics,
}: RateLimitsOptions): RateLimits {
  if (factor === null) return unlimited;
  const counts = countInMemory(ratesFor({ maxSocketsPerAddress, factor }));
  return {
    framesPerSocket: framesPerSocket(factor),
    consume: (limit, key, points = 1) =>
      counts[limit](key, points).then((wait) => {
        if (wait !== null) metrics.rateLimitRejected.inc({ limit });
        return wait;
      }),
  };
}
