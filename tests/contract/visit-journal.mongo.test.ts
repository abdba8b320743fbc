import { createMongoVisitJournal } from '../../src/presence/visit-journal.mongo.js';
import { visitJournalSuite } from './visit-journal.suite.js';
import { newMongo } from './worlds/mongo.js';

visitJournalSuite('MongoDB', async () => {
  const { mongo, stop } = await newMongo();
  return { journal: createMongoVisitJournal({ mongo }), stop };
});
