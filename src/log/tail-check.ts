import type { Clock } from '../lib/clock.js';
import type { Chance } from '../lib/ids.js';
import type { Logger } from '../lib/logger.js';
import { slices } from '../lib/slices.js';
import { limited } from './call-limit.js';
import { momentOf } from './known-head.js';
import type { LogBus } from './log-bus.js';
import type { LogFeed } from './log-feed.js';
import type { LogLimits } from './log-limits.js';
import type { LogRecord, LogStore } from './log-store.js';

interface TailCheckOptions<Record extends LogRecord> {
  readonly store: LogStore<Record>;
  readonly bus: LogBus<Record>;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly limits: LogLimits;
  readonly log: Logger;
  /** The feeds of this instance by log. */
  readonly feeds: () => ReadonlyMap<string, LogFeed<Record>>;
}

/**
 * Asks the store, for all feeds of this instance together, whether a record exists that no event announced: every
 * few seconds, often while the bus is away, at once when it is back. Without feeds it does nothing.
 */
export function createTailCheck<Record extends LogRecord>(options: TailCheckOptions<Record>) {
  const { store, bus, clock, chance, limits, log, feeds } = options;
  let cancel = (): void => undefined;
  let scheduled = false;
  let running = false;
  let again = false;
  let stopped = false;
  let firstsAskedAt = Number.NEGATIVE_INFINITY;

  const endMode = bus.onMode(() => void run());

  function schedule(): void {
    cancel();
    scheduled = false;
    if (stopped || feeds().size === 0) return;
    const push = bus.mode() === 'push';
    const ms = push ? limits.tailCheckMs + chance() * limits.tailCheckJitterMs : limits.pollingTailCheckMs;
    scheduled = true;
    cancel = clock.after(ms, () => void run());
  }

  async function run(): Promise<void> {
    again = running;
    if (running || stopped) return;
    running = true;
    scheduled = false;
    cancel();
    try {
      await checkAll();
    } catch (error) {
      log.debug({ err: error }, 'tail check: the store did not answer');
    }
    running = false;
    if (again) void run();
    else schedule();
  }

  async function checkAll(): Promise<void> {
    const started = [...feeds()].filter(([, feed]) => feed.next() !== null);
    const asksFirsts = clock.monotonic() - firstsAskedAt >= limits.firstsCheckMs;
    const at = clock.monotonic();
    for (const part of slices(started, limits.tailCheckLogs)) await check(part, asksFirsts);
    if (asksFirsts) firstsAskedAt = at;
  }

  async function check(part: readonly [string, LogFeed<Record>][], asksFirsts: boolean): Promise<void> {
    const at = momentOf(clock);
    const asked = part.map(([logId, feed]) => ({ logId, feed, number: feed.next() ?? 0 }));
    const [found, firsts] = await limited(clock, limits.storeCallMs, (signal) =>
      Promise.all([
        store.get(asked, 'majority', signal),
        asksFirsts
          ? store.firsts(
              asked.map(({ logId }) => logId),
              'majority',
              signal,
            )
          : null,
      ]),
    );
    const existing = new Set(found.map((record) => record.logId));
    for (const { logId, feed, number } of asked) {
      feed.checked(number, existing.has(logId), firsts === null ? null : (firsts.get(logId) ?? 1), at);
    }
  }

  return {
    /** A feed was made. */
    wake(): void {
      if (!running && !scheduled) schedule();
    },
    stop(): void {
      stopped = true;
      cancel();
      endMode();
    },
  };
}
