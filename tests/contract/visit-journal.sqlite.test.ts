import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../src/lib/clock.js';
import { createSqliteVisitJournal } from '../../src/presence/visit-journal.sqlite.js';
import type { VisitJournal } from '../../src/presence/visit-journal.js';
import { soon } from '../testkit/signals.js';
import { KEEP_MS, visitJournalSuite } from './visit-journal.suite.js';
import { newSqlite } from './worlds/sqlite.js';

visitJournalSuite('SQLite', async () => {
  const { sqlite, stop } = await newSqlite();
  return { journal: createSqliteVisitJournal({ sqlite, clock: systemClock, keepMs: KEEP_MS }), stop };
});

test('a visit is as old as it was at the call, however long its batch took', async () => {
  const { sqlite, stop } = await newSqlite();
  let now = KEEP_MS;
  const journal = createSqliteVisitJournal({
    sqlite,
    clock: { ...systemClock, now: () => now },
    keepMs: KEEP_MS,
  });
  try {
    const visits = Array.from({ length: 1001 }, (_, place) => ({
      roomId: 'room',
      visitorId: `visitor${place}`,
      ageMs: 0,
    }));
    await journal.record(visits, soon());
    const ages = new Set<number>();
    for await (const batch of journal.recent(KEEP_MS, soon())) {
      for (const { ageMs } of batch) ages.add(ageMs);
      now += 1000;
    }
    expect([...ages]).toEqual([0]);
  } finally {
    await stop();
  }
});

/** A journal on clocks that the test moves, and the ages of what it has. */
async function onTestClock() {
  const { sqlite, stop } = await newSqlite();
  onTestFinished(stop);
  const at = { now: KEEP_MS, monotonic: 0 };
  const clock = { now: () => at.now, monotonic: () => at.monotonic };
  /** As of a process that begins now. */
  const open = () => createSqliteVisitJournal({ sqlite, clock, keepMs: KEEP_MS });
  return {
    open,
    visit: { roomId: 'room', visitorId: 'visitor', ageMs: 0 },
    pass(ms: number) {
      at.now += ms;
      at.monotonic += ms;
    },
    setBack: (ms: number) => void (at.now -= ms),
    async ages(journal: VisitJournal): Promise<number[]> {
      const found: number[] = [];
      for await (const batch of journal.recent(KEEP_MS, soon())) {
        found.push(...batch.map(({ ageMs }) => ageMs));
      }
      return found;
    },
  };
}

test('a visit keeps its age when the clock is set back', async () => {
  const { open, visit, pass, setBack, ages } = await onTestClock();
  const journal = open();
  await journal.record([visit], soon());
  pass(60_000);
  setBack(KEEP_MS / 2);
  expect(await ages(journal)).toEqual([60_000]);
  pass(1000);
  setBack(KEEP_MS / 4);
  // What is recorded meanwhile is younger, however early the clock says that it is.
  await journal.record([{ ...visit, ageMs: 500 }], soon());
  expect(await ages(journal)).toEqual([500]);
  pass(KEEP_MS);
  expect(await ages(journal)).toEqual([]);
});

test('a visit from before the clock was set back between two processes gets older as any other', async () => {
  const { open, visit, pass, setBack, ages } = await onTestClock();
  await open().record([visit], soon());
  setBack(KEEP_MS / 2);
  const journal = open();
  expect(await ages(journal)).toEqual([0]);
  pass(1000);
  expect(await ages(journal)).toEqual([1000]);
});
