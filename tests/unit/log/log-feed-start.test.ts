import { describe, expect, test } from 'vitest';
import { unavailable } from '../../../src/lib/coded-error.js';
import { silentLogger } from '../../../src/lib/logger.js';
import { createDenseRead } from '../../../src/log/dense-read.js';
import { createKnownHead, headOf, momentOf } from '../../../src/log/known-head.js';
import type { LogEvent } from '../../../src/log/log-bus.js';
import { createLogFeed } from '../../../src/log/log-feed.js';
import { LOG_LIMITS } from '../../../src/log/log-limits.js';
import { tagOf } from '../../../src/log/log-store.js';
import { createFakeClock } from '../../testkit/log/fake-clock.js';
import { createMemoryLogBus } from '../../testkit/log/memory-log-bus.js';
import { createMemoryLogStore } from '../../testkit/log/memory-log-store.js';
import { createCounts, LOG_ID, note, NOTE_BYTES, type Note } from '../../testkit/log/log-world.js';

/** A feed over a log of `stored` records that is told its head only when the test says so. */
function start({ stored = 0, reportedThrough = 0, answering = true, maxAhead = 1024 } = {}) {
  const clock = createFakeClock();
  const store = createMemoryLogStore<Note>();
  const bus = createMemoryLogBus<Note>();
  bus.setAnswering(answering);
  const { counts, metrics } = createCounts();
  const limits = { ...LOG_LIMITS, maxReplayed: 1000, maxAhead };
  const released: number[] = [];
  const advances: (number | null)[] = [];
  const records: Note[] = [];
  const put = (through: number): void => {
    for (let number = records.length + 1; number <= through; number += 1) {
      records.push({ ...note(`${number}`), number });
      store.put(records[number - 1]!);
    }
  };
  put(stored);
  const asked: { at: number; tell: (number: number) => void; fail: () => void }[] = [];
  const head = createKnownHead<Note>(clock, limits.headLifetimeMs);
  const feed = createLogFeed<Note>(
    {
      store,
      bus,
      clock,
      chance: () => 0,
      limits,
      log: silentLogger,
      metrics,
      sizeOf: () => NOTE_BYTES,
      denseRead: createDenseRead({ store, clock, limits, log: silentLogger, metrics }),
      headRead: () =>
        new Promise((resolve, reject) => {
          const at = momentOf(clock);
          asked.push({
            at: at.monotonic,
            tell: (number) => resolve({ head: headOf(records[number - 1] ?? null), at }),
            fail: () => reject(unavailable()),
          });
        }),
    },
    {
      logId: LOG_ID,
      head,
      reportedThrough: () => reportedThrough,
      onReleased: ({ number }) => void released.push(number),
      onInsert: () => undefined,
    },
  );
  feed.onAdvance(() => advances.push(feed.next()));
  const eventOf = (number: number): LogEvent<Note> => {
    put(number);
    const before = records[number - 2];
    return { record: records[number - 1]!, previousTag: before === undefined ? 0 : tagOf(before) };
  };
  return {
    clock,
    bus,
    store,
    counts,
    feed,
    head,
    records,
    put,
    released,
    advances,
    asked,
    eventOf,
    hear: (number: number) => bus.inject(LOG_ID, eventOf(number)),
    async tell(number: number) {
      await clock.pass(0);
      asked.at(-1)!.tell(number);
      await clock.pass(0);
    },
  };
}

const repairs = (counts: ReadonlyMap<string, number>) =>
  [...counts].filter(([name]) => name.startsWith('repair')).length;

describe('a feed that starts', () => {
  test('releases what the bus brought meanwhile, from the head on, without a read', async () => {
    const { feed, counts, released, advances, hear, tell, records } = start({ stored: 3 });
    for (const number of [2, 5, 3, 4]) hear(number);
    expect(feed.next()).toBeNull();
    await tell(3);
    expect([feed.next(), released, advances]).toEqual([6, [4, 5], [6]]);
    expect([feed.ring.oldest(), feed.ring.get(3)]).toEqual([3, records[2]]);
    expect(repairs(counts)).toBe(0);
  });

  test('reads what is missing between the head and what the bus brought', async () => {
    const { feed, clock, counts, released, hear, tell, put } = start({ stored: 3 });
    put(6);
    hear(6);
    await tell(3);
    expect([feed.next(), counts.get('gap missing')]).toEqual([4, 1]);
    await clock.pass(25);
    expect([feed.next(), released]).toEqual([7, [4, 5, 6]]);
  });

  test('looks at the store at once after it heard more than it may keep', async () => {
    const { feed, clock, counts, released, hear, tell } = start({ stored: 1, maxAhead: 2 });
    for (const number of [2, 3, 4]) hear(number);
    await tell(1);
    await clock.pass(0);
    expect([feed.next(), released, counts.get('gap late')]).toEqual([5, [2, 3, 4], 1]);
  });

  test('looks at the store when its subscription came into force after it had begun to read', async () => {
    const { feed, bus, clock, counts, released, put, tell } = start({ stored: 1, answering: false });
    await clock.pass(300);
    put(2);
    bus.setAnswering(true);
    await tell(1);
    await clock.pass(0);
    expect([feed.next(), released, counts.get('gap late')]).toEqual([3, [2], 1]);
  });

  test('needs no look at the store when its subscription was in force before', async () => {
    const { feed, clock, counts, tell } = start({ stored: 1 });
    await tell(1);
    await clock.pass(1000);
    expect([feed.next(), repairs(counts)]).toEqual([2, 0]);
  });

  test('reports no record that this instance has reported before, though the store tells an older head', async () => {
    const { feed, released, hear, eventOf, tell } = start({ stored: 1, reportedThrough: 3 });
    await tell(1);
    for (const number of [2, 3, 4]) hear(number);
    expect([feed.next(), released]).toEqual([5, [4]]);
    // Whose acknowledgement comes now was not reported by this feed: its writer does.
    expect([3, 4].map((number) => feed.acknowledge(eventOf(number)))).toEqual([true, false]);
    expect(feed.acknowledge(eventOf(5))).toBe(true);
    expect([feed.next(), released]).toEqual([6, [4]]);
  });

  test('reports no record that its writer acknowledged meanwhile, and remembers none for it', async () => {
    const { feed, released, records, eventOf, hear, tell, put } = start({ stored: 2 });
    put(5);
    for (const number of [2, 4, 5]) expect(feed.acknowledge(eventOf(number))).toBe(true);
    await tell(3);
    expect([feed.next(), released, feed.ring.newest()]).toEqual([6, [], records[4]]);
    hear(6);
    expect(released).toEqual([6]);
  });

  test('stands where this instance knows the log to end, should the store tell less', async () => {
    const { feed, clock, head, records, released, tell } = start({ stored: 4 });
    head.proven(headOf(records[3]!), momentOf(clock));
    await tell(2);
    expect([feed.next(), released]).toEqual([5, []]);
  });

  test('asks ever more slowly while the store is away', async () => {
    const { clock, asked, feed } = start({ stored: 1 });
    for (let tries = 1; tries <= 7; tries += 1) {
      await clock.pass(0);
      while (asked.length < tries) await clock.pass(1);
      asked.at(-1)!.fail();
    }
    const pauses = asked.map(({ at }, index) => at - (asked[index - 1]?.at ?? 0)).slice(1);
    expect(pauses).toEqual([100, 200, 400, 800, 1600, 2000]);
    feed.stop();
    await clock.pass(60_000);
    expect(asked).toHaveLength(7);
  });

  test('does nothing once it has ended', async () => {
    const { feed, bus, clock, counts, released, advances, hear, tell } = start({ stored: 1 });
    await clock.pass(0);
    feed.stop();
    feed.stop();
    await tell(1);
    hear(2);
    await clock.pass(1000);
    expect([feed.next(), released, advances, counts.size]).toEqual([null, [], [], 0]);
    expect([bus.subscriptions(), clock.pending()]).toEqual([0, 0]);
  });
});

describe('a tail check', () => {
  test('of a place where the feed no longer stands says nothing but where the log begins', async () => {
    const { feed, clock, counts, head, tell, hear } = start({ stored: 1 });
    await tell(1);
    hear(2);
    feed.checked(2, true, 2, momentOf(clock));
    feed.checked(2, false, 1, momentOf(clock));
    await clock.pass(1000);
    expect([feed.first(), feed.next(), repairs(counts)]).toEqual([2, 3, 0]);
    expect(head.get()).toBeNull();
  });

  test('that found nothing confirms the head, for as long as one lasts', async () => {
    const { feed, clock, head, records, tell } = start({ stored: 2 });
    await tell(2);
    head.proven(headOf(records[1]!), momentOf(clock));
    await clock.pass(59_000);
    feed.checked(3, false, null, momentOf(clock));
    await clock.pass(59_000);
    expect(head.get()?.number).toBe(2);
    await clock.pass(2000);
    expect(head.get()).toBeNull();
  });

  test('that found the next record repairs at once while polling, else when its event does not come', async () => {
    const polling = start({ stored: 1 });
    await polling.tell(1);
    polling.bus.setMode('polling');
    polling.put(2);
    polling.feed.checked(2, true, null, momentOf(polling.clock));
    await polling.clock.pass(0);
    expect(polling.feed.next()).toBe(3);
    const push = start({ stored: 1 });
    await push.tell(1);
    push.put(2);
    push.feed.checked(2, true, null, momentOf(push.clock));
    await push.clock.pass(5);
    expect(push.feed.next()).toBe(2);
    await push.clock.pass(20);
    expect([push.feed.next(), push.counts.get('tail found')]).toEqual([3, 1]);
  });

  test('that found the log to begin above the feed makes it go on there', async () => {
    const { feed, clock, released, store, records, tell, put } = start({ stored: 1 });
    await tell(1);
    put(9);
    for (const { number } of records.slice(0, 6)) store.remove(LOG_ID, number);
    store.setFirst(LOG_ID, 7);
    feed.checked(2, false, 7, momentOf(clock));
    await clock.pass(0);
    expect([feed.first(), feed.next(), released]).toEqual([7, 10, [7, 8, 9]]);
    expect([feed.ring.oldest(), feed.ring.get(1)]).toEqual([7, null]);
  });
});
