import { unavailable } from '../lib/coded-error.js';
import { until } from '../lib/until.js';
import { decodeCursor, encodeCursor } from './cursor.js';
import type { CursorCheck } from './cursor-check.js';
import type { DenseRead } from './dense-read.js';
import type { HeadRead } from './head-read.js';
import { headOf, type Head } from './known-head.js';
import { firstOf, type LogRecord, type LogStore } from './log-store.js';
import type { LogPage, LogRange } from './log.js';

interface PagesOptions<Record extends LogRecord> {
  readonly store: LogStore<Record>;
  readonly headRead: HeadRead<Record>;
  readonly denseRead: DenseRead<Record>;
  readonly checkCursor: CursorCheck<Record>;
  /** The highest head that this instance has acknowledged or released; null when it knows none. */
  readonly knownHead: (logId: string) => Head<Record> | null;
  readonly fromMemory: (logId: string, number: number) => Record | null;
}

/** What a cursor means for a page: the number it stands at, and the record there if it was read. */
interface Bound<Record extends LogRecord> {
  readonly number: number;
  readonly record: Record | null;
}

/** Retention that overtakes a page more often than this while it is read is not retention. */
const MAX_RESTARTS = 5;

const higher = <Record extends LogRecord>(a: Head<Record>, b: Head<Record> | null): Head<Record> =>
  b !== null && b.number > a.number ? b : a;

/**
 * Reads pages of a log. Numbers are dense, so what a page holds is known before it is read, and it is never
 * served short. The head is read from the store by a read that starts after the call.
 */
export function createLogPages<Record extends LogRecord>(options: PagesOptions<Record>) {
  const { store, headRead, denseRead } = options;

  async function newest(logId: string, signal: AbortSignal): Promise<Head<Record>> {
    const { head } = await until(signal, headRead(logId));
    return higher(head, options.knownHead(logId));
  }

  async function bound(
    logId: string,
    cursor: string | null,
    first: number,
    signal: AbortSignal,
  ): Promise<Bound<Record> | null> {
    if (cursor === null) return null;
    const position = decodeCursor(logId, cursor);
    if (position.number === 0) return { number: 0, record: null };
    const record = await options.checkCursor(logId, position, first, signal);
    return { number: position.number, record: record === 'below' ? null : record };
  }

  async function page(logId: string, range: LogRange, signal: AbortSignal): Promise<LogPage<Record>> {
    const [readHead, readFirst] = await Promise.all([
      newest(logId, signal),
      firstOf(store, logId, 'majority', signal),
    ]);
    let first = readFirst;
    const [after, before] = await Promise.all([
      bound(logId, range.after, first, signal),
      bound(logId, range.before, first, signal),
    ]);
    // A cursor that was found proves a head, should the head have been told by a primary that was replaced.
    const head = [after, before].reduce<Head<Record>>(
      (known, at) => (at === null || at.record === null ? known : higher(known, headOf(at.record))),
      readHead,
    );
    for (let tries = 0; tries < MAX_RESTARTS; tries += 1) {
      const above = Math.max(after?.number ?? 0, first - 1);
      const through = Math.min(before === null ? head.number : before.number - 1, head.number);
      const from = range.take === 'first' ? above + 1 : Math.max(above + 1, through - range.count + 1);
      const to = range.take === 'first' ? Math.min(through, above + range.count) : through;
      const isEmpty = to < from;
      const read = isEmpty ? { records: [], from } : await records(logId, from, to, signal);
      if (read.from > from) {
        first = Math.max(first, read.from);
        continue;
      }
      return {
        records: read.records,
        hasPrevious: isEmpty ? above >= first : from > first,
        hasNext: isEmpty ? head.number >= first && head.number > through : to < head.number,
        total: Math.max(0, head.number - first + 1),
        resumeCursor: encodeCursor(logId, head),
      };
    }
    throw unavailable();
  }

  async function records(logId: string, from: number, through: number, signal: AbortSignal) {
    const inMemory: Record[] = [];
    for (let number = from; number <= through; number += 1) {
      const record = options.fromMemory(logId, number);
      if (record === null) return until(signal, denseRead(logId, from, through));
      inMemory.push(record);
    }
    return { records: inMemory, from };
  }

  return { newest, page };
}
