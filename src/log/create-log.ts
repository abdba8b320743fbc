import { sleep, type Clock } from '../lib/clock.js';
import { unavailable } from '../lib/coded-error.js';
import type { Chance } from '../lib/ids.js';
import type { Logger } from '../lib/logger.js';
import { slices } from '../lib/slices.js';
import { createQueuesOfInstance } from './append-queue.js';
import { createCursorCheck } from './cursor-check.js';
import { createDenseRead } from './dense-read.js';
import { createHeadRead } from './head-read.js';
import { createKnownHead, headOf, type Head, type KnownHead } from './known-head.js';
import type { LogBus, LogEvent } from './log-bus.js';
import { createLogFeed, type LogFeed } from './log-feed.js';
import type { LogLimits } from './log-limits.js';
import type { LogMetrics } from './log-metrics.js';
import { createLogPages } from './log-pages.js';
import type { LogPosition, LogRecord, LogStore, Unnumbered } from './log-store.js';
import { createLogSubscriber } from './log-subscriber.js';
import { createLogWriter, type LogWriter } from './log-writer.js';
import type { Log } from './log.js';
import { createTailCheck } from './tail-check.js';

/** How often a log that stops looks whether its writers have finished. */
const STOP_POLL_MS = 10;

export interface LogOptions<Record extends LogRecord> {
  readonly store: LogStore<Record>;
  readonly bus: LogBus<Record>;
  readonly clock: Clock;
  readonly chance: Chance;
  /** Runs its argument when the input of this turn of the event loop was handled (`setImmediate`): sends of one turn become one batch. */
  readonly defer: (callback: () => void) => void;
  readonly log: Logger;
  readonly limits: LogLimits;
  readonly metrics: LogMetrics;
  /** The record that an entry becomes under a number. */
  readonly numbered: (entry: Unnumbered<Record>, number: number) => Record;
  /** Whether a repeated append asks for what is stored already; input that was edited since counts as it was. */
  readonly sameInput: (stored: Record, entry: Unnumbered<Record>) => boolean;
  /** About how many bytes a record takes. */
  readonly sizeOf: (record: Unnumbered<Record>) => number;
  /**
   * Each record that a feed of this instance released or a writer of it acknowledged; once each.
   *
   * @param own - whether a writer of this instance acknowledged it just now.
   */
  readonly onReleased: (record: Record, own: boolean) => void;
}

/** What this instance has of one log. */
interface Held<Record extends LogRecord> {
  readonly head: KnownHead<Record>;
  writer: LogWriter<Record> | null;
  feed: LogFeed<Record> | null;
  /** Open sources of the feed. */
  sources: number;
  /** The numbers that were reported as released lately, without a gap, the highest of all among them. */
  readonly reported: { from: number; through: number };
  cancelIdle: () => void;
  usedAt: number;
}

/**
 * The logs of one instance: at most one writer and one feed for each, made on demand and gone when idle.
 */
export function createLog<Record extends LogRecord>(options: LogOptions<Record>): Log<Record> {
  const { store, bus, clock, limits, metrics, log } = options;
  const held = new Map<string, Held<Record>>();
  const feeds = new Map<string, LogFeed<Record>>();
  let stopped = false;
  let cancelSweep: (() => void) | null = null;

  const fromMemory = (logId: string, number: number): Record | null =>
    feeds.get(logId)?.ring.get(number) ?? null;
  const headRead = createHeadRead<Record>({
    store,
    clock,
    limits,
    knownNumber: (logId) => knownHead(logId)?.number ?? 0,
    onRead: (logId, { head, at }) => held.get(logId)?.head.proven(head, at),
  });
  const denseRead = createDenseRead({ store, clock, limits, log, metrics });
  const checkCursor = createCursorCheck({ store, fromMemory });
  const pages = createLogPages({ store, headRead, denseRead, checkCursor, knownHead, fromMemory });
  const tailCheck = createTailCheck({ ...options, feeds: () => feeds });
  // One object for all logs: what is spread for each has a hidden class of its own in V8, 500 bytes of them a log.
  const parts = { ...options, instance: createQueuesOfInstance(), headRead, denseRead, checkCursor };

  function hold(logId: string): Held<Record> {
    let entry = held.get(logId);
    if (entry === undefined) {
      entry = {
        head: createKnownHead<Record>(clock, limits.headLifetimeMs),
        writer: null,
        feed: null,
        sources: 0,
        reported: { from: 1, through: 0 },
        cancelIdle: () => undefined,
        usedAt: 0,
      };
      held.set(logId, entry);
      cancelSweep ??= clock.after(limits.headLifetimeMs, sweep);
    }
    entry.usedAt = clock.monotonic();
    return entry;
  }

  /** Lets go of logs whose writer has rested for longer than it would know the head. */
  function sweep(): void {
    const before = clock.monotonic() - limits.headLifetimeMs;
    for (const [logId, entry] of held) {
      if (entry.usedAt > before || entry.writer?.idle() === false) continue;
      entry.writer = null;
      if (entry.feed === null) held.delete(logId);
    }
    cancelSweep = held.size === 0 ? null : clock.after(limits.headLifetimeMs, sweep);
  }

  function knownHead(logId: string): Head<Record> | null {
    const written = held.get(logId)?.head.highest() ?? null;
    const released = feeds.get(logId)?.ring.newest() ?? null;
    if (released === null) return written;
    return written !== null && written.number > released.number ? written : headOf(released);
  }

  function isReported({ logId, number }: LogPosition): boolean {
    const reported = held.get(logId)?.reported;
    return reported !== undefined && number >= reported.from && number <= reported.through;
  }

  function released(record: Record, own: boolean): void {
    const reported = held.get(record.logId)?.reported;
    if (reported !== undefined && record.number > reported.through) {
      if (record.number > reported.through + 1) reported.from = record.number;
      reported.through = record.number;
    }
    try {
      options.onReleased(record, own);
    } catch (error) {
      log.error({ logId: record.logId, err: error }, 'a listener to released records failed');
    }
  }

  function landed(event: LogEvent<Record>): void {
    const isNews = feeds.get(event.record.logId)?.acknowledge(event) !== false;
    // A feed that has ended since may have reported it before the answer came.
    if (isNews && !isReported(event.record)) released(event.record, true);
    bus.publish(event);
  }

  /** The publish of the first try may have been lost with its answer, so it is published again. */
  function found(logId: string, record: Record, own: boolean): void {
    const feed = feeds.get(logId);
    const event = { record, previousTag: null };
    if (!own || isReported(record)) feed?.hint(event);
    else if (feed?.acknowledge(event) !== false) released(record, true);
    bus.publish(event);
  }

  function makeWriter(logId: string, entry: Held<Record>): LogWriter<Record> {
    return createLogWriter(parts, {
      logId,
      head: entry.head,
      onLanded: landed,
      onFound: (record, own) => found(logId, record, own),
      hearsOthers: () => entry.feed !== null && entry.feed.next() !== null && bus.mode() === 'push',
    });
  }

  function openFeed(logId: string, entry: Held<Record>): LogFeed<Record> {
    entry.cancelIdle();
    entry.sources += 1;
    if (entry.feed !== null) return entry.feed;
    entry.feed = createLogFeed(parts, {
      logId,
      head: entry.head,
      reportedThrough: () => entry.reported.through,
      onReleased: (record) => released(record, false),
      onInsert: (writer, number) => entry.writer?.heard(writer, number),
    });
    feeds.set(logId, entry.feed);
    metrics.feedActive(feeds.size);
    tailCheck.wake();
    return entry.feed;
  }

  function closeSource(logId: string, entry: Held<Record>): void {
    entry.sources -= 1;
    if (entry.sources === 0 && !stopped)
      entry.cancelIdle = clock.after(limits.feedIdleMs, () => endFeed(logId, entry));
  }

  function endFeed(logId: string, entry: Held<Record>): void {
    entry.cancelIdle();
    entry.feed?.stop();
    entry.feed = null;
    feeds.delete(logId);
    metrics.feedActive(feeds.size);
  }

  const allIdle = (): boolean => [...held.values()].every((entry) => entry.writer?.idle() !== false);

  return {
    append(logId, entry, signal) {
      if (stopped) return Promise.reject(unavailable());
      const log = hold(logId);
      return (log.writer ??= makeWriter(logId, log)).append(entry, signal);
    },

    byKey: (logId, authorId, key, signal) => store.byKey(logId, authorId, key, null, signal),
    async get(positions, signal) {
      const records: Record[] = [];
      const absent: LogPosition[] = [];
      for (const position of positions) {
        const record = fromMemory(position.logId, position.number);
        if (record === null) absent.push(position);
        else records.push(record);
      }
      for (const part of slices(absent, limits.repairPageRecords)) {
        records.push(...(await store.get(part, 'majority', signal)));
      }
      return records;
    },

    newest: async (logId, signal) => (await pages.newest(logId, signal)).record,
    page: pages.page,

    follow(logId) {
      if (stopped) throw unavailable();
      const entry = hold(logId);
      const feed = openFeed(logId, entry);
      return createLogSubscriber(parts, {
        logId,
        feed,
        knownNumber: () => knownHead(logId)?.number ?? 0,
        onClose: () => closeSource(logId, entry),
      });
    },

    async stop(ms) {
      stopped = true;
      const until = clock.monotonic() + ms;
      while (!allIdle() && clock.monotonic() < until) await sleep(clock, STOP_POLL_MS);
      for (const entry of held.values()) entry.writer?.refuse();
      for (const [logId, entry] of held) if (entry.feed !== null) endFeed(logId, entry);
      tailCheck.stop();
      cancelSweep?.();
    },
  };
}
