import { systemClock } from '../../src/lib/clock.js';
import { createSqliteVisitJournal } from '../../src/presence/visit-journal.sqlite.js';
import { KEEP_MS, visitJournalSuite } from './visit-journal.suite.js';
import { newSqlite } from './worlds/sqlite.js';

visitJournalSuite('SQLite', async () => {
  const { sqlite, stop } = await newSqlite();
  return { journal: createSqliteVisitJournal({ sqlite, clock: systemClock, keepMs: KEEP_MS }), stop };
});
