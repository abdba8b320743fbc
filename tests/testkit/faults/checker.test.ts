import { describe, expect, it } from 'vitest';
import { check, delays } from './checker.js';
import type { HistoryEvent, Stored } from './history.js';

const room = 'r';
const LENGTH = 5;
const stored = (number: number): Stored => ({ number, id: `id${number}`, text: `text ${number}` });
const log = (): Stored[] => Array.from({ length: LENGTH }, (_, index) => stored(index + 1));

const ack = (number: number, t: number, who = 's') =>
  ({
    op: 'ack',
    t,
    sentAt: t,
    instance: 'http://one',
    who,
    room,
    key: `k${number}`,
    ...stored(number),
  }) as const;
const deliver = (number: number, t: number, who = 'c', skipped = 0) =>
  ({ op: 'deliver', t, who, room, skipped, ...stored(number) }) as const;

/** One sender and one client, all right. */
const healthy = (): HistoryEvent[] => [
  { op: 'begin', t: 0, who: 'c', room, number: 0 },
  ...log().flatMap(({ number }) => [ack(number, number * 10), deliver(number, number * 10 + 5)]),
];

const rulesOf = (events: readonly HistoryEvent[], final: readonly Stored[] = log()): readonly string[] => [
  ...new Set(check(events, new Map([[room, final]]), { deliveryWithinMs: 100 }).map(({ rule }) => rule)),
];
const changed = (change: (events: HistoryEvent[]) => void): HistoryEvent[] => {
  const events = healthy();
  change(events);
  return events;
};
const at = (events: readonly HistoryEvent[], op: string, number: number): number =>
  events.findIndex((event) => event.op === op && 'number' in event && event.number === number);

describe('the history checker', () => {
  it('finds nothing wrong with a healthy history', () => {
    expect(rulesOf(healthy())).toEqual([]);
  });

  it('accepts a client that began in the middle, and an exact skip', () => {
    const events = healthy();
    events.push({ op: 'begin', t: 0, who: 'late', room, number: 1 }, deliver(4, 40, 'late', 2));
    events.push(deliver(5, 50, 'late'));
    expect(rulesOf(events)).toEqual([]);
  });

  it('accepts a client that left before the end, and one that began behind whatever there was', () => {
    const events = healthy();
    events.push({ op: 'begin', t: 0, who: 'guest', room, number: null }, deliver(3, 30, 'guest'));
    events.push({ op: 'end', t: 40, who: 'guest', room });
    expect(rulesOf(events)).toEqual([]);
  });

  it('accepts a repeated acknowledgement by another sender, as a retry elsewhere gives', () => {
    expect(rulesOf([...healthy(), ack(2, 90, 'other')])).toEqual([]);
  });

  it.each([
    ['H1', 'an acknowledged message that is not stored', healthy(), log().slice(0, -1)],
    ['H1', 'a message that is stored twice', healthy(), [...log(), { ...stored(6), text: 'text 2' }]],
    [
      'H1',
      'an acknowledgement with another number',
      changed((events) => (events[at(events, 'ack', 3)] = { ...ack(3, 30), number: 4 })),
      log(),
    ],
    ['H2', 'a hole in the log', healthy(), log().filter(({ number }) => number !== 3)],
    ['H2', 'a number that is there twice', healthy(), [...log(), stored(5)]],
    [
      'H3',
      'a message that never came',
      changed((events) => events.splice(at(events, 'deliver', 3), 1)),
      log(),
    ],
    [
      'H3',
      'a newest message that never came',
      changed((events) => events.splice(at(events, 'deliver', 5), 1)),
      log(),
    ],
    ['H3', 'a message that came twice', changed((events) => events.push(deliver(5, 60))), log()],
    [
      'H3',
      'two messages in the wrong order',
      changed((events) => {
        const [a, b] = [at(events, 'deliver', 2), at(events, 'deliver', 3)];
        [events[a], events[b]] = [deliver(3, 25), deliver(2, 35)];
      }),
      log(),
    ],
    [
      'H3',
      'a skip that is not exact',
      changed((events) => {
        events.splice(at(events, 'deliver', 2), 1);
        events[at(events, 'deliver', 3)] = deliver(3, 35, 'c', 2);
      }),
      log(),
    ],
    [
      'H3',
      'a client that began and got nothing',
      changed((events) => events.push({ op: 'begin', t: 0, who: 'x', room, number: 0 })),
      log(),
    ],
    [
      'H4',
      'another message at the same number',
      changed((events) => (events[at(events, 'deliver', 3)] = { ...deliver(3, 35), id: 'other' })),
      log(),
    ],
    [
      'H5',
      'acknowledgements of one sender that fall',
      changed((events) => {
        const [a, b] = [at(events, 'ack', 2), at(events, 'ack', 3)];
        [events[a], events[b]] = [ack(3, 20), ack(2, 30)];
      }),
      log(),
    ],
    ['H6', 'a phantom', changed((events) => events.push(deliver(6, 60))), log()],
    [
      'H7',
      'a delivery that came too late',
      changed((events) => (events[at(events, 'deliver', 5)] = deliver(5, 500))),
      log(),
    ],
    [
      'REFUSED',
      'something that no rule allows',
      changed((events) => events.push({ op: 'refused', t: 1, who: 'c', room, problem: 'complete' })),
      log(),
    ],
  ] as const)('catches %s: %s', (rule, _what, events, final) => {
    expect(rulesOf(events, final)).toContain(rule);
  });

  it('measures each delivery from the first acknowledgement', () => {
    expect(delays([deliver(1, 5), ack(1, 10), ack(1, 50, 'other'), deliver(1, 30, 'd')])).toEqual([
      { who: 'c', number: 1, ms: 0 },
      { who: 'd', number: 1, ms: 20 },
    ]);
  });
});
