import { createSqliteVisitorStore } from '../../src/visitors/visitor-store.sqlite.js';
import { visitorStoreSuite } from './visitor-store.suite.js';
import { newSqlite } from './worlds/sqlite.js';

visitorStoreSuite('SQLite', async () => {
  const { sqlite, stop } = await newSqlite();
  return { store: createSqliteVisitorStore({ sqlite }), stop };
});
