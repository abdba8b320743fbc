import { expect, test } from 'vitest';
import { createMongoVisitJournal } from '../../src/presence/visit-journal.mongo.js';
import { soon } from '../testkit/signals.js';
import { visitJournalSuite } from './visit-journal.suite.js';
import { newMongo } from './worlds/mongo.js';

visitJournalSuite('MongoDB', async () => {
  const { mongo, stop } = await newMongo();
  return { journal: createMongoVisitJournal({ mongo }), stop };
});

test('a visit from before the clock was set back gets older as any other', async () => {
  const { mongo, stop } = await newMongo();
  const journal = createMongoVisitJournal({ mongo });
  const visits = mongo.db.collection<{ _id: string; at: Date }>('visits');
  async function ages(): Promise<number[]> {
    const found: number[] = [];
    for await (const batch of journal.recent(60_000, soon())) found.push(...batch.map(({ ageMs }) => ageMs));
    return found;
  }
  try {
    await visits.insertOne({ _id: 'room visitor', at: new Date(Date.now() + 3_600_000) });
    expect(await ages()).toEqual([0]);
    const found = await visits.findOne({ _id: 'room visitor' });
    expect(found?.at.getTime()).toBeLessThanOrEqual(Date.now());
  } finally {
    await stop();
  }
});
