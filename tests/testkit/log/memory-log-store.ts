import { CodedError, unavailable } from '../../../src/lib/coded-error.js';
import type { Appended, LogPosition, LogRecord, LogStore } from '../../../src/log/log-store.js';

/** A log store in memory: what it tells is true at once, and nothing goes wrong until a test wraps it. */
export interface MemoryLogStore<Record extends LogRecord> extends LogStore<Record> {
  /** All records of a log, ascending. */
  all(logId: string): readonly Record[];
  /** Puts a record, or its absence, where no append could: for logs with holes and for rewritten histories. */
  put(record: Record): void;
  remove(logId: string, number: number): void;
  setFirst(logId: string, first: number): void;
}

const positionOf = ({ logId, number }: LogPosition): string => `${logId}:${number}`;
const keyOf = ({ logId, authorId, key }: LogRecord): string => JSON.stringify([logId, authorId, key]);

export function createMemoryLogStore<Record extends LogRecord>(): MemoryLogStore<Record> {
  const records = new Map<string, Record>();
  const keys = new Map<string, Record>();
  const numbers = new Map<string, Set<number>>();
  const firsts = new Map<string, number>();

  /** Answers in a later turn, or not at all when there is no time left. */
  async function answer<Value>(signal: AbortSignal, value: () => Value): Promise<Value> {
    if (signal.aborted) throw unavailable(signal.reason);
    await Promise.resolve();
    return value();
  }

  function put(record: Record): void {
    records.set(positionOf(record), record);
    keys.set(keyOf(record), record);
    const known = numbers.get(record.logId) ?? new Set();
    numbers.set(record.logId, known.add(record.number));
  }

  const all = (logId: string): Record[] =>
    [...(numbers.get(logId) ?? [])]
      .toSorted((a, b) => a - b)
      .flatMap((number) => records.get(positionOf({ logId, number })) ?? []);

  function insert(batch: readonly Record[]): Appended {
    for (const [landed, record] of batch.entries()) {
      if (records.has(positionOf(record))) return { outcome: 'conflict', landed };
      if (keys.has(keyOf(record))) return { outcome: 'duplicate', landed };
      put(record);
    }
    return { outcome: 'landed', landed: batch.length };
  }

  return {
    session: () => ({ end: () => undefined }),
    async append(batch, _session, signal) {
      try {
        return await answer(signal, () => insert(batch));
      } catch (cause) {
        if (!(cause instanceof CodedError)) throw cause;
        return { outcome: 'unknown', landed: 0, cause };
      }
    },
    get: (positions, _level, signal) =>
      answer(signal, () => positions.flatMap((position) => records.get(positionOf(position)) ?? [])),
    range: (logId, after, through, signal) =>
      answer(signal, () => all(logId).filter(({ number }) => number > after && number <= through)),
    byKey: (logId, authorId, key, _session, signal) =>
      answer(signal, () => keys.get(JSON.stringify([logId, authorId, key])) ?? null),
    newest: (logId, _session, signal) => answer(signal, () => all(logId).at(-1) ?? null),
    firsts: (logIds, _level, signal) =>
      answer(
        signal,
        () => new Map(logIds.flatMap((id) => (firsts.has(id) ? [[id, firsts.get(id) ?? 1]] : []))),
      ),
    all,
    put,
    remove(logId, number) {
      const record = records.get(positionOf({ logId, number }));
      if (record === undefined) return;
      records.delete(positionOf(record));
      keys.delete(keyOf(record));
      numbers.get(logId)?.delete(number);
    },
    setFirst: (logId, first) => void firsts.set(logId, first),
  };
}
