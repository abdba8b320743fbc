import { MS_PER_SECOND, type Clock } from '../lib/clock.js';
import type { Chance } from '../lib/ids.js';
import type { Logger } from '../lib/logger.js';
import type { LogLimits } from './log-limits.js';
import type { GapCause, LogMetrics } from './log-metrics.js';

/** How long to wait after so many failures in a row. */
export const repairPauseMs = (limits: LogLimits, chance: Chance, failures: number): number =>
  Math.min(limits.maxRepairRetryMs, limits.repairRetryMs * 2 ** failures) * (1 - chance() / 2);

/** `unless whole`: in a moment, if something is still missing then: most holes are reordering, and fill by themselves. */
type When = 'now' | 'soon' | 'unless whole';

/**
 * When a feed repairs: one repair at a time, once more if it was wanted again meanwhile, and ever more slowly while
 * it fails.
 */
export function createFeedRepairs(
  {
    clock,
    chance,
    limits,
    log,
    metrics,
  }: {
    readonly clock: Clock;
    readonly chance: Chance;
    readonly limits: LogLimits;
    readonly log: Logger;
    readonly metrics: LogMetrics;
  },
  {
    repair,
    isWhole,
  }: {
    /** Reads what is missing; resolves with whether anything was found. */
    readonly repair: () => Promise<boolean>;
    /** No record is known to be missing. */
    readonly isWhole: () => boolean;
  },
) {
  let running = false;
  let again = false;
  let scheduled = false;
  let stopped = false;
  /** A repair is due, however whole the feed is. */
  let isDue = false;
  let failures = 0;
  let cancel = (): void => undefined;

  const soon = (): number => limits.repairDelayMs + chance() * limits.repairDelayJitterMs;

  function schedule(ms: number): void {
    scheduled = true;
    cancel = clock.after(ms, () => void run());
  }

  async function run(): Promise<void> {
    cancel();
    scheduled = false;
    again = false;
    if (!isDue && isWhole()) return;
    isDue = false;
    running = true;
    const startedAt = clock.monotonic();
    let result: 'found' | 'nothing' | 'failed' = 'failed';
    try {
      result = (await repair()) ? 'found' : 'nothing';
    } catch (error) {
      log.debug({ err: error }, 'feed: repair failed');
    }
    running = false;
    metrics.feedRepair(result, (clock.monotonic() - startedAt) / MS_PER_SECOND);
    if (stopped) return;
    if (result === 'failed') {
      isDue = true;
      schedule(repairPauseMs(limits, chance, failures));
      failures += 1;
    } else {
      failures = 0;
      if (again || !isWhole()) schedule(soon());
    }
  }

  return {
    want(cause: GapCause, when: When): void {
      isDue ||= when !== 'unless whole';
      if (stopped || (running ? again : scheduled && when !== 'now')) return;
      metrics.feedGap(cause);
      if (running) again = true;
      else if (when === 'now') void run();
      else schedule(soon());
    },
    stop(): void {
      stopped = true;
      cancel();
    },
  };
}
