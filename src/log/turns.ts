import { sleep, type Clock } from '../lib/clock.js';
import type { Chance } from '../lib/ids.js';
import type { KnownHead } from './known-head.js';
import type { LogLimits } from './log-limits.js';
import type { LogRecord } from './log-store.js';

/** How much the newest insert says about how long the next one takes. */
const NEWEST_WEIGHT = 0.25;
/** Others who did not write within so many inserts do not want to. */
const TURN_INSERTS = 2;
/** So many inserts without a pause are made before others are waited for of whom nothing is known; more each time that nobody came. */
const MIN_SOLO_INSERTS = 4;
const MAX_SOLO_INSERTS = 32;

/**
 * When one of several instances that write a log tries: whoever has just written lets another one go first, and
 * whoever lost most often waits least. Who wins is decided by the store alone; this decides how many inserts
 * meet a taken number, and how long the slowest append takes.
 */
export function createTurns<Record extends LogRecord>({
  head,
  clock,
  chance,
  limits,
  hearsOthers,
}: {
  readonly head: KnownHead<Record>;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly limits: LogLimits;
  /** Whether a feed of this instance tells soon what others have stored. */
  readonly hearsOthers: () => boolean;
}) {
  /** The last number that this instance stored, and when. */
  let own = { number: 0, at: Number.NEGATIVE_INFINITY };
  let insertMs = 0;
  /** Others have written, or were faster, since this instance last waited for them in vain. */
  let areOthers = false;
  let conflicts = 0;
  let inserts = 0;
  let solo = MIN_SOLO_INSERTS;

  return {
    /** Before an insert above `number`: resolves when it is this instance's turn. */
    async mine(): Promise<void> {
      const known = head.get();
      if (known === null || own.number === 0) return;
      inserts += 1;
      if (known.number > own.number) {
        areOthers = true;
        inserts = 0;
        return;
      }
      const left = own.at + Math.min(limits.maxTurnMs, TURN_INSERTS * insertMs) - clock.monotonic();
      if (left <= 0) inserts = 0;
      if (left <= 0 || (!areOthers && inserts < solo)) return;
      inserts = 0;
      areOthers = await head.rises(own.number, left);
      solo = areOthers ? MIN_SOLO_INSERTS : Math.min(MAX_SOLO_INSERTS, 2 * solo);
    },
    /** Records up to `number` were stored by an insert that took so long. */
    stored(number: number, tookMs: number): void {
      own = { number, at: clock.monotonic() };
      insertMs += (tookMs - insertMs) * NEWEST_WEIGHT;
      conflicts = 0;
    },
    /** Somebody else stored what follows `number`. Resolves with whether that is known to this instance now. */
    async lost(number: number): Promise<boolean> {
      areOthers = true;
      conflicts += 1;
      await sleep(clock, (chance() * limits.maxConflictPauseMs) / conflicts);
      return head.rises(number, hearsOthers() ? limits.conflictNewsMs : 0);
    },
  };
}
