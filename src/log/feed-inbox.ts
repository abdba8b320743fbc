import type { LogEvent } from './log-bus.js';
import type { GapCause } from './log-metrics.js';
import { CALL_PATTERN, MAX_TAG, type LogRecord, type Tag } from './log-store.js';

/** An event that says what it continues. */
interface Continuation<Record extends LogRecord> {
  readonly record: Record;
  readonly previousTag: Tag;
  readonly writer?: string;
}

const continues = <Record extends LogRecord>(event: LogEvent<Record>): event is Continuation<Record> =>
  event.previousTag !== null &&
  Number.isInteger(event.previousTag) &&
  event.previousTag >= 0 &&
  event.previousTag <= MAX_TAG;

/** Whether an event could be one of this log at all. */
export const isSound = ({ record }: LogEvent<LogRecord>, logId: string): boolean =>
  record.logId === logId &&
  Number.isSafeInteger(record.number) &&
  record.number >= 1 &&
  CALL_PATTERN.test(record.call);

/** What is known to be missing: records before the events that wait here (never more than `maxAhead`, whatever the bus brings), and one that was seen in the store. */
export function createFeedInbox<Record extends LogRecord>(maxAhead: number) {
  const waiting = new Map<number, Continuation<Record>>();
  /** The highest record that is stored though no event announced it; 0: none. */
  let unannounced = 0;

  const lacksSeen = (next: number | null): boolean => next !== null && unannounced >= next;

  return {
    /** Whether nothing is missing for all that is known here, to who has everything below `next`. */
    isWhole: (next: number | null): boolean => waiting.size === 0 && !lacksSeen(next),
    /** A record was seen in the store. */
    seen: (number: number): void => void (unannounced = number),
    lacksSeen,
    numbers: (): number[] => [...waiting.keys(), unannounced],
    /**
     * Keeps an event of number `next` or above, or of any number while `next` is unknown, if there is room.
     * Returns why the store must be asked instead, or null.
     */
    keep(event: LogEvent<Record>, next: number | null): GapCause | null {
      const { number } = event.record;
      if (!continues(event)) return 'previous';
      if (next === null ? waiting.size >= maxAhead : number > next + maxAhead) return 'far';
      waiting.set(number, event);
      return null;
    },
    /** Gives the event of a number out, if it is there. */
    take(number: number): Continuation<Record> | null {
      const event = waiting.get(number) ?? null;
      waiting.delete(number);
      return event;
    },
    drop(numbers: Iterable<number>): void {
      for (const number of numbers) {
        waiting.delete(number);
        if (number === unannounced) unannounced = 0;
      }
    },
    dropBelow(number: number): void {
      for (const old of waiting.keys()) if (old < number) waiting.delete(old);
    },
  };
}
