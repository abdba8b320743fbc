import { CodedError, unavailable } from '../lib/coded-error.js';
import type { Delivery, Followed, ReadOptions } from '../lib/followed.js';
import { until } from '../lib/until.js';
import { cursorExpired, decodeCursor } from './cursor.js';
import type { CursorCheck } from './cursor-check.js';
import type { DenseRead } from './dense-read.js';
import { deliver } from './feed-ring.js';
import type { HeadRead } from './head-read.js';
import type { LogFeed } from './log-feed.js';
import type { LogLimits } from './log-limits.js';
import type { LogMetrics } from './log-metrics.js';
import { firstOf, type LogRecord, type LogStore } from './log-store.js';
import type { LogDelivery } from './log.js';

type Deliveries<Record extends LogRecord> = readonly Delivery<number, LogDelivery<Record>>[];

/** What all subscribers of an instance have in common. */
interface SubscriberParts<Record extends LogRecord> {
  readonly store: LogStore<Record>;
  readonly headRead: HeadRead<Record>;
  readonly denseRead: DenseRead<Record>;
  readonly checkCursor: CursorCheck<Record>;
  readonly limits: LogLimits;
  readonly metrics: LogMetrics;
}

interface SubscriberOptions<Record extends LogRecord> {
  readonly logId: string;
  readonly feed: LogFeed<Record>;
  /** The highest number that this instance has acknowledged or released; 0 when it knows none. */
  readonly knownNumber: () => number;
  /** Called once, when the source is given back. */
  readonly onClose: () => void;
}

/**
 * Follows one log for a group of subscribers. Each of them is a number, the last one it handled: it gets that
 * number + 1 and no other, unless it jumps or the log begins above it, and then the event says by how much.
 */
export function createLogSubscriber<Record extends LogRecord>(
  parts: SubscriberParts<Record>,
  options: SubscriberOptions<Record>,
): Followed<number, LogDelivery<Record>> {
  const { store, limits, metrics } = parts;
  const { logId, feed } = options;
  const endListening = new Set<() => void>();
  let closed = false;

  async function begin(after: string | null, signal: AbortSignal): Promise<number> {
    if (closed) throw unavailable();
    const position = after === null ? await newest(signal) : await behind(after, signal);
    // Until the feed has started, `read` could not tell who is up to date and who is far behind.
    await until(signal, feed.started);
    const next = feed.next() ?? 1;
    // Another instance may have told the client of records that this one has not heard of yet.
    if (position >= next) feed.catchUp();
    if (after !== null) {
      const missed = Math.max(0, next - 1 - position);
      metrics.resumed(missed > limits.maxReplayed ? 'skipped' : 'exact', missed);
    }
    return position;
  }

  async function newest(signal: AbortSignal): Promise<number> {
    const known = options.knownNumber();
    const { head } = await until(signal, parts.headRead(logId));
    return Math.max(known, head.number);
  }

  async function behind(after: string, signal: AbortSignal): Promise<number> {
    try {
      const position = decodeCursor(logId, after);
      if (position.number > 0) {
        const first = feed.first() ?? (await firstOf(store, logId, 'majority', signal));
        const record = await parts.checkCursor(logId, position, first, signal);
        if (record === 'below') throw cursorExpired();
      }
      return position.number;
    } catch (error) {
      if (error instanceof CodedError && error.code === 'BAD_CURSOR') metrics.resumeRefused('bad_cursor');
      if (error instanceof CodedError && error.code === 'CURSOR_EXPIRED') metrics.resumeRefused('expired');
      throw error;
    }
  }

  function read(position: number, { limit, replayed, mayJump }: ReadOptions) {
    const next = feed.next();
    if (closed || next === null || position >= next - 1) return [];
    const behind = next - 1 - position;
    const from = mayJump && behind > limits.maxReplayed ? next - limits.maxReplayed : position + 1;
    const through = Math.min(from - 1 + limit, next - 1);
    return from >= feed.ring.oldest()
      ? fromRing(position, from, through, replayed)
      : fromStore(position, from, through, replayed);
  }

  function fromRing(position: number, from: number, through: number, replayed: boolean): Deliveries<Record> {
    const deliveries: Delivery<number, LogDelivery<Record>>[] = [];
    for (let number = from; number <= through; number += 1) {
      const skippedCount = number === from ? from - position - 1 : 0;
      const delivery = feed.ring.delivery(number, replayed, skippedCount);
      if (delivery === null) break;
      deliveries.push(delivery);
    }
    return deliveries;
  }

  async function fromStore(
    position: number,
    start: number,
    end: number,
    replayed: boolean,
  ): Promise<Deliveries<Record>> {
    let from = start;
    for (;;) {
      const through = Math.max(from, Math.min(end, from - 1 + limits.repairPageRecords));
      const read = await parts.denseRead(logId, from, through);
      if (read.records.length > 0) {
        return read.records.map((record, index) =>
          deliver(record, replayed, index === 0 ? record.number - position - 1 : 0),
        );
      }
      // All of them are gone: the log begins above.
      from = read.from;
      if (from >= (feed.next() ?? 0)) return [];
    }
  }

  return {
    begin,
    read,
    onAdvance(listener) {
      const end = feed.onAdvance(listener);
      endListening.add(end);
      return () => {
        endListening.delete(end);
        end();
      };
    },
    close() {
      if (closed) return;
      closed = true;
      for (const end of endListening) end();
      options.onClose();
    },
  };
}
