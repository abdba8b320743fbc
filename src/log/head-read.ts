import type { Clock } from '../lib/clock.js';
import { atMost, limited } from './call-limit.js';
import { headOf, momentOf, type Head, type Moment } from './known-head.js';
import type { LogLimits } from './log-limits.js';
import type { LogRecord, LogStore } from './log-store.js';

/** A head that the store told, and when it was asked. */
interface ReadHead<Record extends LogRecord> {
  readonly head: Head<Record>;
  readonly at: Moment;
}

interface Flight<Record extends LogRecord> {
  readonly result: Promise<ReadHead<Record>>;
  started: boolean;
}

export type HeadRead<Record extends LogRecord> = ReturnType<typeof createHeadRead<Record>>;

/**
 * Reads heads. Every answer comes from a read that started after the call: callers share the next read, never
 * the one under way. The next one starts when that one ends, or when it is late.
 */
export function createHeadRead<Record extends LogRecord>({
  store,
  clock,
  limits,
  knownNumber,
  onRead,
}: {
  readonly store: LogStore<Record>;
  readonly clock: Clock;
  readonly limits: LogLimits;
  /** The highest number of a log that this instance has acknowledged or released; 0 when it knows none. */
  readonly knownNumber: (logId: string) => number;
  readonly onRead: (logId: string, read: ReadHead<Record>) => void;
}) {
  /** The newest flight of each log: started, or about to start. */
  const flights = new Map<string, Flight<Record>>();

  async function fly(logId: string): Promise<ReadHead<Record>> {
    const at = momentOf(clock);
    const record = await limited(clock, limits.storeCallMs, (signal) =>
      store.newest(logId, null, signal, knownNumber(logId)),
    );
    const read = { head: headOf(record), at };
    onRead(logId, read);
    return read;
  }

  return function headRead(logId: string): Promise<ReadHead<Record>> {
    const newest = flights.get(logId);
    if (newest !== undefined && !newest.started) return newest.result;
    const flight: Flight<Record> = {
      started: newest === undefined,
      result: (newest === undefined
        ? fly(logId)
        : atMost(clock, limits.headReadShareMs, newest.result).then(takeOff)
      ).finally(() => {
        if (flights.get(logId) === flight) flights.delete(logId);
      }),
    };
    function takeOff(): Promise<ReadHead<Record>> {
      flight.started = true;
      return fly(logId);
    }
    flights.set(logId, flight);
    return flight.result;
  };
}
