import type { Clock } from '../lib/clock.js';

/**
 * The presence store's clock as this instance sees it. Each answer bounds the offset between that clock and
 * this machine's monotonic one: it was given between the call and its return. This machine's wall clock plays
 * no part, so a wrong one changes nothing.
 */
export interface StoreClock {
  /** Whether an answer was seen yet. */
  known(): boolean;
  /** The store's time, in milliseconds, at a moment of the monotonic clock. Only once it is known. */
  at(monotonic: number): number;
  /** Makes a call and learns from its answer. */
  call<Result extends { readonly now: number }>(make: () => Promise<Result>): Promise<Result>;
}

export function createStoreClock(clock: Clock): StoreClock {
  let low = Number.NEGATIVE_INFINITY;
  let high = Number.POSITIVE_INFINITY;

  return {
    known: () => Number.isFinite(low),
    at: (monotonic) => monotonic + (low + high) / 2,
    async call(make) {
      const sentAt = clock.monotonic();
      const result = await make();
      const lowest = result.now - clock.monotonic();
      // The store's milliseconds are cut off: it may be up to one later than it says.
      const highest = result.now + 1 - sentAt;
      const agrees = lowest <= high && highest >= low;
      low = agrees ? Math.max(low, lowest) : lowest;
      high = agrees ? Math.min(high, highest) : highest;
      return result;
    },
  };
}
