import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeCursor } from '../../../src/log/cursor.js';
import { createFeedRing } from '../../../src/log/feed-ring.js';
import { tagOf } from '../../../src/log/log-store.js';
import { LOG_ID, note, type Note } from '../../testkit/log/log-world.js';

const MAX_RECORDS = 5;
const MAX_BYTES = 60;

/** The longest end of `records` that both limits allow; the newest stays whatever its size. */
function kept(records: readonly Note[], sizes: ReadonlyMap<number, number>): Note[] {
  const end: Note[] = [];
  let bytes = 0;
  for (const record of records.toReversed()) {
    bytes += sizes.get(record.number) ?? 0;
    if (end.length > 0 && (end.length === MAX_RECORDS || bytes > MAX_BYTES)) break;
    end.unshift(record);
  }
  return end;
}

describe('a ring', () => {
  const push = fc.record({
    clears: fc.constant(false),
    bytes: fc.oneof(fc.integer({ min: 1, max: 15 }), fc.integer({ min: 1, max: 80 })),
  });
  const clear = fc.record({ clears: fc.constant(true), bytes: fc.nat(9) });
  const steps = fc.array(fc.oneof({ weight: 12, arbitrary: push }, { weight: 1, arbitrary: clear }), {
    maxLength: 40,
  });

  test('holds the longest end of what was pushed that its limits allow, and nothing else', () => {
    fc.assert(
      fc.property(steps, (history) => {
        const sizes = new Map<number, number>();
        const limits = { maxRingRecords: MAX_RECORDS, maxRingBytes: MAX_BYTES };
        const ring = createFeedRing<Note>(limits, (record) => sizes.get(record.number) ?? 0);
        let model: Note[] = [];
        let next = 1;
        for (const { clears, bytes } of history) {
          if (clears) {
            ring.clear();
            model = [];
            // The log begins above, so the next one does not follow the last.
            next += bytes;
          } else {
            const record = { ...note(`${next}`), number: next };
            sizes.set(next, bytes);
            ring.push(record);
            model = kept([...model, record], sizes);
            next += 1;
          }
          expect(ring.oldest()).toBe(model[0]?.number ?? Number.POSITIVE_INFINITY);
          expect(ring.newest()).toBe(model.at(-1) ?? null);
          for (let number = 0; number <= next; number += 1) {
            const held = model.find((record) => record.number === number) ?? null;
            expect(ring.get(number)).toBe(held);
            expect(ring.delivery(number, false, 0)?.event.record ?? null).toBe(held);
          }
        }
      }),
    );
  });

  test('makes a delivery once for all who want the same one', () => {
    const ring = createFeedRing<Note>({ maxRingRecords: 5, maxRingBytes: 60 }, () => 1);
    const record = { ...note('a'), number: 7 };
    ring.push(record);
    const asked = [
      [false, 0],
      [true, 0],
      [false, 2],
      [true, 2],
    ] as const;
    const made = asked.map(([replayed, skipped]) => ring.delivery(7, replayed, skipped)!);
    expect(made.map(({ event: { replayed, skippedCount } }) => [replayed, skippedCount])).toEqual(asked);
    expect(new Set(made.map(({ identity }) => identity)).size).toBe(asked.length);
    for (const { event, position } of made) {
      expect(position).toBe(7);
      expect(decodeCursor(LOG_ID, event.cursor)).toEqual({ number: 7, tag: tagOf(record) });
    }
    expect(ring.delivery(7, false, 0)).toBe(made[0]);
    expect(ring.delivery(7, true, 0)).toBe(made[1]);
  });
});
