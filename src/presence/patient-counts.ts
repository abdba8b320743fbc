import { sleep, type Clock } from '../lib/clock.js';
import type { Counted } from './presence-store.js';

/**
 * How long a read may go on while expired visits are still being taken away, in milliseconds; below the deadline
 * of a request.
 */
const PATIENCE_MS = 3000;
/** Slices that are asked for together: the store serves nobody else between two of one client. */
const SLICES_AT_ONCE = 2;

/**
 * Reads counts that show nothing which had expired before the read. When more has expired than one call takes
 * away, all readers wait for one series of calls that take away the rest, and read again: the rest costs the store
 * the same however many read.
 *
 * Gives null when that took longer than `PATIENCE_MS`. Rejects when the store is away.
 */
export function createPatientCounts({
  read,
  clock,
}: {
  /** One call of the store. */
  readonly read: (roomIds: readonly string[]) => Promise<Counted>;
  readonly clock: Clock;
}): (roomIds: readonly string[]) => Promise<Counted | null> {
  /** Some slices on behalf of all who wait: whether more are left. */
  let sweeping: Promise<boolean> | undefined;

  async function sweepSome(): Promise<boolean> {
    const answers = await Promise.all(Array.from({ length: SLICES_AT_ONCE }, () => read([])));
    // A pause in which this instance does other things.
    await sleep(clock, 0);
    return answers.every(({ more }) => more);
  }

  function sweep(): Promise<boolean> {
    sweeping ??= sweepSome().finally(() => {
      sweeping = undefined;
    });
    return sweeping;
  }

  return async (roomIds) => {
    const until = clock.monotonic() + PATIENCE_MS;
    let left = sweeping !== undefined;
    for (;;) {
      if (!left) {
        const counted = await read(roomIds);
        if (!counted.more || !counted.loaded) return counted;
      }
      if (clock.monotonic() > until) return null;
      left = await sweep();
    }
  };
}
