import type { GraphQLError } from 'graphql';
import { LRUCache } from 'lru-cache';
import { codedGraphQLError } from '../graphql/errors.js';
import type { Clock } from '../lib/clock.js';
import type { RateLimits } from '../limits/rate-limits.js';

const MAX_REMEMBERED_CALLERS = 10_000;

/**
 * Counts the documents of each caller that cannot be run. To find that out may cost milliseconds, and what is found
 * uses up none of the other limits; so those of whoever sends too many are not even read for a while.
 */
export function createRefusedCallers({
  limits,
  clock,
}: {
  limits: RateLimits;
  clock: Pick<Clock, 'monotonic'>;
}) {
  /** Until when, on the monotonic clock. */
  const unread = new LRUCache<string, number>({ max: MAX_REMEMBERED_CALLERS });

  const tooMany = (retryAfterMs: number): GraphQLError =>
    codedGraphQLError(
      'RATE_LIMITED',
      'Too many operations that cannot be run. Mend them, and wait before you try again.',
      retryAfterMs,
    );

  return {
    /** Why nothing of this caller is read now, or null. */
    check(caller: string): GraphQLError | null {
      const until = unread.get(caller);
      if (until === undefined) return null;
      const leftMs = until - clock.monotonic();
      if (leftMs > 0) return tooMany(Math.ceil(leftMs));
      unread.delete(caller);
      return null;
    },

    /** Counts one more document that was refused; an error in place of its own once there are too many, else null. */
    async add(caller: string): Promise<GraphQLError | null> {
      const retryAfterMs = await limits.consume('refusedPerCaller', caller);
      if (retryAfterMs === null) return null;
      unread.set(caller, clock.monotonic() + retryAfterMs);
      return tooMany(retryAfterMs);
    },
  };
}
