import { sleep, type Clock } from '../lib/clock.js';
import type { Chance } from '../lib/ids.js';
import { createListeners } from '../lib/listeners.js';
import type { Logger } from '../lib/logger.js';
import type { DenseRead } from './dense-read.js';
import { atMost, limited } from './call-limit.js';
import { createFeedInbox, isSound } from './feed-inbox.js';
import { createFeedRepairs, repairPauseMs } from './feed-repairs.js';
import { createFeedRing } from './feed-ring.js';
import type { HeadRead } from './head-read.js';
import { headOf, momentOf, type Head, type KnownHead, type Moment } from './known-head.js';
import type { LogBus, LogEvent } from './log-bus.js';
import type { LogLimits } from './log-limits.js';
import type { LogMetrics } from './log-metrics.js';
import { firstOf, tagOf, type LogRecord, type LogStore, type Tag } from './log-store.js';

/** What all feeds of an instance have in common. */
interface FeedParts<Record extends LogRecord> {
  readonly store: LogStore<Record>;
  readonly bus: LogBus<Record>;
  readonly headRead: HeadRead<Record>;
  readonly denseRead: DenseRead<Record>;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly limits: LogLimits;
  readonly log: Logger;
  readonly metrics: LogMetrics;
  readonly sizeOf: (record: Record) => number;
}

interface FeedOptions<Record extends LogRecord> {
  readonly logId: string;
  readonly head: KnownHead<Record>;
  /** The highest number that this instance has reported before. */
  readonly reportedThrough: () => number;
  /** A record that this feed released and no writer of this instance had acknowledged; once each, in order. */
  readonly onReleased: (record: Record) => void;
  /** The last record of an insert was released, and its event has come. */
  readonly onInsert: (writer: string, number: number) => void;
}

export type LogFeed<Record extends LogRecord> = ReturnType<typeof createLogFeed<Record>>;

/**
 * One log as this instance sees it: releases each record once, in order, without a hole. Events of the bus are
 * hints; what they leave open is read from the store. It starts when it is made.
 */
export function createLogFeed<Record extends LogRecord>(parts: FeedParts<Record>, own: FeedOptions<Record>) {
  const { store, bus, clock, limits, log } = parts;
  const { logId, head } = own;
  const ring = createFeedRing<Record>(limits, parts.sizeOf);
  const listeners = createListeners((error) => log.error({ logId, err: error }, 'feed: a listener failed'));
  let tellStarted = (): void => undefined;
  const started = new Promise<void>((resolve) => (tellStarted = resolve));
  const inbox = createFeedInbox<Record>(limits.maxAhead);
  /** Numbers that this instance acknowledged and the feed has not released yet. */
  const acknowledged = new Set<number>();
  let next: number | null = null;
  /** The first number that this feed reports. */
  let origin = 1;
  let lastTag: Tag | null = null;
  let first: number | null = null;
  let stopped = false;
  const isLive = (): boolean => !stopped;
  let startedWithoutBus = false;
  let repairAtStart = false;
  const repairs = createFeedRepairs(parts, { repair: readToEnd, isWhole: () => inbox.isWhole(next) });

  const subscription = bus.subscribe(logId, (event) => {
    if (!stopped && isSound(event, logId)) offer(event);
  });
  void subscription.ready.then(() => {
    if (next !== null) repairs.want('late', 'now');
    else repairAtStart ||= startedWithoutBus;
  });
  void start();

  async function start(): Promise<void> {
    if (bus.mode() === 'push') await atMost(clock, limits.subscribeWaitMs, subscription.ready);
    startedWithoutBus = true;
    for (let failures = 0; isLive(); failures += 1) {
      try {
        const read = await parts.headRead(logId);
        first ??= await limited(clock, limits.storeCallMs, readFirst);
        // A primary that was replaced may have told less than this instance knows.
        begin(head.get() ?? read.head);
        return;
      } catch (error) {
        log.debug({ logId, err: error }, 'feed: the store did not answer, starting again');
        await sleep(clock, repairPauseMs(limits, parts.chance, failures));
      }
    }
  }

  const readFirst = (signal: AbortSignal): Promise<number> => firstOf(store, logId, 'majority', signal);

  function begin({ number, tag, record }: Head<Record>): void {
    if (stopped) return;
    next = number + 1;
    origin = Math.max(next, own.reportedThrough() + 1);
    lastTag = tag;
    if (record !== null) ring.push(record);
    inbox.dropBelow(next);
    for (const old of acknowledged) if (old < next) acknowledged.delete(old);
    releaseNext();
    tellStarted();
    listeners.tell();
    if (repairAtStart) repairs.want('late', 'now');
    else if (!inbox.isWhole(next)) repairs.want('missing', 'unless whole');
  }

  function offer(event: LogEvent<Record>): void {
    if (next !== null && event.record.number < next) return tell(event);
    const gap = inbox.keep(event, next);
    if (next === null) repairAtStart ||= gap !== null;
    else if (gap !== null) repairs.want(gap, 'soon');
    if (next === null || gap !== null) return;
    if (releaseNext()) listeners.tell();
    if (!inbox.isWhole(next)) repairs.want('missing', 'unless whole');
  }

  /** Releases what continues the last record. Returns whether anything was. */
  function releaseNext(): boolean {
    const from = next;
    for (;;) {
      const event = next === null ? null : inbox.take(next);
      if (event === null) return next !== from;
      if (event.previousTag !== lastTag) {
        repairs.want('previous', 'soon');
        return next !== from;
      }
      release(event.record);
      head.extend(headOf(event.record));
      tell(event);
    }
  }

  function tell(released: LogEvent<Record> | null): void {
    if (released?.writer !== undefined) own.onInsert(released.writer, released.record.number);
  }

  function release(record: Record): void {
    ring.push(record);
    next = record.number + 1;
    lastTag = tagOf(record);
    if (!acknowledged.delete(record.number) && record.number >= origin) own.onReleased(record);
  }

  /** Reads from where the feed stands to the end of the log, and releases what is there. */
  async function readToEnd(): Promise<boolean> {
    const before = next;
    if (inbox.lacksSeen(next)) parts.metrics.tailCheckFound(1);
    while (isLive() && next !== null) {
      const from = next;
      const at = momentOf(clock);
      const kept = inbox.numbers();
      const through = from - 1 + limits.repairPageRecords;
      const page = await limited(clock, limits.storeCallMs, (signal) =>
        store.range(logId, from - 1, through, signal),
      );
      const last = page.at(-1)?.number ?? from - 1;
      take(page);
      if (page.length === 0) {
        first = Math.max(first ?? 1, await limited(clock, limits.storeCallMs, readFirst));
        jump(first);
      } else if (next <= last) {
        const rest = await parts.denseRead(logId, next, last);
        jump(rest.from);
        take(rest.records);
      }
      if (last < through && !(page.length === 0 && next > from)) {
        // The log ends here. What still waits was made up or is ahead of what is durable: the tail check decides.
        inbox.drop(kept);
        confirm(at);
        break;
      }
    }
    return next !== before;
  }

  /** Releases those of stored records that come next, and what had arrived behind them. */
  function take(records: readonly Record[]): void {
    const from = next;
    if (stopped) return;
    for (const record of records) {
      if (record.number !== next) continue;
      release(record);
      tell(inbox.take(record.number));
    }
    releaseNext();
    if (next !== from) listeners.tell();
  }

  /** The log begins above where the feed stands: it goes on there. */
  function jump(to: number): void {
    if (next === null || to <= next) return;
    log.info({ logId, from: next, to }, 'feed: the log begins above the last record, going on there');
    next = to;
    lastTag = null;
    ring.clear();
    inbox.dropBelow(to);
  }

  /** The store said, to a read begun at `at`, that nothing follows what was released. */
  function confirm(at: Moment): void {
    const newest = ring.newest();
    if (newest !== null && newest.number + 1 === next) head.proven(headOf(newest), at);
  }

  return {
    ring,
    /** The number to be released next; null until the feed has started. */
    next: (): number | null => next,
    /** Where the log begins, as far as the feed knows; null until it asked. */
    first: (): number | null => first,
    /** An own append has landed: an event that is true. False: the feed had released it already, and reported it. */
    acknowledge(event: LogEvent<Record>): boolean {
      const { number } = event.record;
      if (next !== null && number < next) return number < origin;
      acknowledged.add(number);
      offer(event);
      return true;
    },
    /** What somebody says exists. */
    hint: offer,
    /** A subscriber stands ahead of the feed. */
    catchUp: (): void => repairs.want('ahead', 'now'),
    /** Answer of a tail check that began at `at`: whether record `asked` exists, and where the log begins. */
    checked(asked: number, exists: boolean, begins: number | null, at: Moment): void {
      if (begins !== null) first = Math.max(first ?? 1, begins);
      if (asked !== next) return;
      if (exists) inbox.seen(asked);
      // While the bus works, the event of a record is mostly just on its way.
      if (exists && bus.mode() === 'push') repairs.want('tail', 'unless whole');
      else if (exists || (first ?? 1) > asked) repairs.want('tail', 'now');
      else confirm(at);
    },
    onAdvance: listeners.add,
    /** Resolves when the feed knows where it is; never, if the store stays away or the feed ends before. */
    started,
    /** Twice does nothing. */
    stop(): void {
      stopped = true;
      repairs.stop();
      subscription.close();
      listeners.clear();
    },
  };
}
