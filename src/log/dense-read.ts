import type { Clock } from '../lib/clock.js';
import { unavailable } from '../lib/coded-error.js';
import type { Logger } from '../lib/logger.js';
import { slices } from '../lib/slices.js';
import { limited } from './call-limit.js';
import type { LogLimits } from './log-limits.js';
import type { LogMetrics } from './log-metrics.js';
import { firstOf, type LogRecord, type LogStore } from './log-store.js';

/** Records of one log without a hole: all that were asked for, or those from where the log begins now. */
interface DenseRecords<Record extends LogRecord> {
  readonly records: readonly Record[];
  /** The number the answer begins at: the one asked for, or where the log begins now if that is above it. */
  readonly from: number;
}

export type DenseRead<Record extends LogRecord> = ReturnType<typeof createDenseRead<Record>>;

/** Reads stored records by number and never serves them short. Equal reads that are under way are shared. */
export function createDenseRead<Record extends LogRecord>({
  store,
  clock,
  limits,
  log,
  metrics,
}: {
  readonly store: LogStore<Record>;
  readonly clock: Clock;
  readonly limits: LogLimits;
  readonly log: Logger;
  readonly metrics: LogMetrics;
}) {
  const underWay = new Map<string, Promise<DenseRecords<Record>>>();

  async function fetch(logId: string, from: number, through: number, signal: AbortSignal) {
    const found = new Map<number, Record>();
    for (const record of await store.range(logId, from - 1, through, signal))
      found.set(record.number, record);
    const missing = (start: number): number[] => {
      const numbers: number[] = [];
      for (let number = start; number <= through; number += 1) if (!found.has(number)) numbers.push(number);
      return numbers;
    };
    const answer = (start: number): DenseRecords<Record> => {
      const records: Record[] = [];
      for (let number = start; number <= through; number += 1) {
        const record = found.get(number);
        if (record !== undefined) records.push(record);
      }
      return { records, from: start };
    };
    if (missing(from).length === 0) return answer(from);
    let begin = Math.max(from, await firstOf(store, logId, 'majority', signal));
    const absent = missing(begin);
    if (absent.length === 0) return answer(begin);
    // The read may have gone to a primary that had been replaced: ask in a way that excludes it, by point reads.
    for (const numbers of slices(absent, limits.repairPageRecords)) {
      const positions = numbers.map((number) => ({ logId, number }));
      for (const record of await store.get(positions, 'linearizable', signal))
        found.set(record.number, record);
    }
    // `first` rises before records go, so read after them it explains every record that is gone.
    begin = Math.max(begin, await firstOf(store, logId, 'linearizable', signal));
    const [hole] = missing(begin);
    if (hole === undefined) return answer(begin);
    metrics.feedGap('hole');
    log.error({ logId, number: hole, from, through }, 'the store lacks a record below the head of its log');
    throw unavailable();
  }

  /**
   * The records `from ≤ number ≤ through`; the caller knows that a record `through` exists or existed.
   *
   * @throws CodedError `UNAVAILABLE` also when the stored log has a hole there; that is logged and counted.
   */
  return function denseRead(logId: string, from: number, through: number): Promise<DenseRecords<Record>> {
    const key = `${logId} ${from} ${through}`;
    const shared = underWay.get(key);
    if (shared !== undefined) return shared;
    const work = limited(clock, limits.storeCallMs, (signal) => fetch(logId, from, through, signal)).finally(
      () => {
        underWay.delete(key);
      },
    );
    underWay.set(key, work);
    return work;
  };
}
