import { expect, test } from 'vitest';
import { systemClock } from '../../src/lib/clock.js';
import { createSqliteVisitJournal } from '../../src/presence/visit-journal.sqlite.js';
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
  const journal = createSqliteVisitJournal({ sqlite, clock: { now: () => now }, keepMs: KEEP_MS });
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

test('a visit from before the clock was set back gets older as any other', async () => {
  const { sqlite, stop } = await newSqlite();
  let now = KEEP_MS;
  const journal = createSqliteVisitJournal({ sqlite, clock: { now: () => now }, keepMs: KEEP_MS });
  async function ages(): Promise<number[]> {
    const found: number[] = [];
    for await (const batch of journal.recent(KEEP_MS, soon())) found.push(...batch.map(({ ageMs }) => ageMs));
    return found;
  }
  try {
    await journal.record([{ roomId: 'room', visitorId: 'visitor', ageMs: 0 }], soon());
    now -= KEEP_MS / 2;
    expect(await ages()).toEqual([0]);
    now += 1000;
    expect(await ages()).toEqual([1000]);
  } finally {
    await stop();
  }
});
