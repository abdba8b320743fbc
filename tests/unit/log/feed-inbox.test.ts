import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createFeedInbox, isSound } from '../../../src/log/feed-inbox.js';
import { MAX_TAG } from '../../../src/log/log-store.js';
import { LOG_ID, note, OTHER_LOG_ID, type Note } from '../../testkit/log/log-world.js';

const MAX_AHEAD = 4;
const event = (number: number, previousTag: number | null = 1) => ({
  record: { ...note(`${number}`), number },
  previousTag,
});

describe('an event', () => {
  test.each([1, 2 ** 53 - 1])('of number %s may be one of the log', (number) => {
    expect(isSound(event(number), LOG_ID)).toBe(true);
  });

  test.each<[string, Partial<Note>]>([
    ['of another log', { logId: OTHER_LOG_ID }],
    ['number 0', { number: 0 }],
    ['number -1', { number: -1 }],
    ['number 2^53', { number: 2 ** 53 }],
    ['half a number', { number: 1.5 }],
    ['no number', { number: Number.NaN }],
    ['a call that is none', { call: 'poison' }],
  ])('%s is none of the log', (_, over) => {
    expect(isSound({ ...event(1), record: { ...event(1).record, ...over } }, LOG_ID)).toBe(false);
  });

  test.each([null, -1, MAX_TAG + 1, 0.5, Number.NaN])('that continues %s is not kept', (previousTag) => {
    for (const next of [null, 1]) {
      const inbox = createFeedInbox<Note>(MAX_AHEAD);
      expect(inbox.keep(event(1, previousTag), next)).toBe('previous');
      expect(inbox.take(1)).toBeNull();
    }
  });

  test('is one too many while the feed does not know where it is and holds what it may', () => {
    const inbox = createFeedInbox<Note>(MAX_AHEAD);
    const kept = Array.from({ length: MAX_AHEAD + 1 }, (_, index) => inbox.keep(event(7 + index), null));
    expect(kept).toEqual([null, null, null, null, 'far']);
    expect(inbox.keep(event(7 + MAX_AHEAD), 7)).toBeNull();
  });

  test.each([0, MAX_TAG])('that continues tag %s is kept', (previousTag) => {
    const inbox = createFeedInbox<Note>(MAX_AHEAD);
    const kept = event(1, previousTag);
    expect(inbox.keep(kept, 1)).toBeNull();
    expect(inbox.take(1)).toBe(kept);
  });
});

describe('what is known to be missing', () => {
  const number = fc.integer({ min: 1, max: 8 });
  const next = fc.option(number, { nil: null });
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ type: fc.constant('keep' as const), number, next }) },
    fc.record({ type: fc.constant('seen' as const), number }),
    fc.record({ type: fc.constant('take' as const), number }),
    fc.record({ type: fc.constant('drop' as const), numbers: fc.array(number, { maxLength: 4 }) }),
    fc.record({ type: fc.constant('drop all' as const) }),
    fc.record({ type: fc.constant('drop below' as const), number }),
  );

  test('is what was kept or seen, and was not taken or dropped since', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (history) => {
        const inbox = createFeedInbox<Note>(MAX_AHEAD);
        const waiting = new Map<number, unknown>();
        let seen = 0;
        const answers: [actual: unknown, expected: unknown][] = [];
        for (const one of history) {
          if (one.type === 'keep') {
            const far = one.next === null ? waiting.size >= MAX_AHEAD : one.number > one.next + MAX_AHEAD;
            const kept = event(one.number);
            answers.push([inbox.keep(kept, one.next), far ? 'far' : null]);
            if (!far) waiting.set(one.number, kept);
          } else if (one.type === 'seen') {
            inbox.seen((seen = one.number));
          } else if (one.type === 'take') {
            answers.push([inbox.take(one.number), waiting.get(one.number) ?? null]);
            waiting.delete(one.number);
          } else if (one.type === 'drop below') {
            inbox.dropBelow(one.number);
            for (const old of waiting.keys()) if (old < one.number) waiting.delete(old);
          } else {
            const numbers = one.type === 'drop' ? one.numbers : inbox.numbers();
            inbox.drop(numbers);
            for (const old of numbers) waiting.delete(old);
            if (numbers.includes(seen)) seen = 0;
          }
          for (const [actual, expected] of answers.splice(0)) expect(actual).toBe(expected);
          expect(new Set(inbox.numbers())).toEqual(new Set([...waiting.keys(), seen]));
          expect([inbox.isWhole(null), inbox.lacksSeen(null)]).toEqual([waiting.size === 0, false]);
          for (let at = 1; at <= 9; at += 1) {
            expect(inbox.isWhole(at)).toBe(waiting.size === 0 && seen < at);
            expect(inbox.lacksSeen(at)).toBe(seen >= at);
          }
        }
      }),
    );
  });
});
