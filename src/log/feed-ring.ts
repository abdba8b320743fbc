import type { Delivery } from '../lib/followed.js';
import { encodeCursor } from './cursor.js';
import { tagOf, type LogRecord } from './log-store.js';
import type { LogDelivery } from './log.js';

/** A delivery of a record: to everybody who asks for the same one it is the same object. */
export function deliver<Record extends LogRecord>(
  record: Record,
  replayed: boolean,
  skippedCount: number,
): Delivery<number, LogDelivery<Record>> {
  const cursor = encodeCursor(record.logId, { number: record.number, tag: tagOf(record) });
  return {
    identity: `${record.number}.${replayed ? 'r' : 'l'}${skippedCount}`,
    event: { record, cursor, replayed, skippedCount },
    position: record.number,
  };
}

interface Slot<Record extends LogRecord> {
  readonly record: Record;
  readonly bytes: number;
  live?: Delivery<number, LogDelivery<Record>>;
  replayed?: Delivery<number, LogDelivery<Record>>;
}

/** The newest records of one log, without a hole between them: at most so many, and so many bytes. */
export function createFeedRing<Record extends LogRecord>(
  limits: { readonly maxRingRecords: number; readonly maxRingBytes: number },
  sizeOf: (record: Record) => number,
) {
  // Slots before `start` are let go; the array is cut when half of it is.
  let slots: (Slot<Record> | undefined)[] = [];
  let start = 0;
  let bytes = 0;

  const oldest = (): number => slots[start]?.record.number ?? Number.POSITIVE_INFINITY;
  const slot = (number: number): Slot<Record> | undefined => slots[start + number - oldest()];

  return {
    /** Number of its oldest record; infinity while it is empty. */
    oldest,
    newest: (): Record | null => slots.at(-1)?.record ?? null,
    get: (number: number): Record | null => (number < oldest() ? null : (slot(number)?.record ?? null)),
    /** The number after the newest one, or, on an empty ring, any. The newest record stays whatever its size. */
    push(record: Record): void {
      const size = sizeOf(record);
      slots.push({ record, bytes: size });
      bytes += size;
      while (slots.length - start > 1) {
        if (slots.length - start <= limits.maxRingRecords && bytes <= limits.maxRingBytes) break;
        bytes -= slots[start]?.bytes ?? 0;
        slots[start] = undefined;
        start += 1;
      }
      if (start > limits.maxRingRecords) {
        slots = slots.slice(start);
        start = 0;
      }
    },
    clear(): void {
      slots = [];
      start = 0;
      bytes = 0;
    },
    /** The delivery of a record that it holds, made once. */
    delivery(
      number: number,
      replayed: boolean,
      skippedCount: number,
    ): Delivery<number, LogDelivery<Record>> | null {
      const found = number < oldest() ? undefined : slot(number);
      if (found === undefined) return null;
      if (skippedCount > 0) return deliver(found.record, replayed, skippedCount);
      return replayed
        ? (found.replayed ??= deliver(found.record, true, 0))
        : (found.live ??= deliver(found.record, false, 0));
    },
  };
}
