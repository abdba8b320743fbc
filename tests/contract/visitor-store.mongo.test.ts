import { expect, it } from 'vitest';
import { createMongoVisitorStore } from '../../src/visitors/visitor-store.mongo.js';
import { visitorStoreSuite } from './visitor-store.suite.js';
import { newMongo, readsOf } from './worlds/mongo.js';

visitorStoreSuite('MongoDB', async () => {
  const { mongo, stop } = await newMongo();
  return { store: createMongoVisitorStore({ mongo }), stop };
});

it('visitors are read with one command, however many they are', async () => {
  const { mongo, stop } = await newMongo();
  const store = createMongoVisitorStore({ mongo });
  const ids = ['v1', 'v2', 'v3'];
  for (const id of ids) {
    await store.ensure({ id, createdAt: new Date(0), displayName: null }, AbortSignal.timeout(30_000));
  }
  const reads = readsOf(mongo);
  for (const asked of [ids, ids.slice(0, 1)]) {
    expect(await store.byIds(asked, AbortSignal.timeout(30_000))).toHaveLength(asked.length);
  }
  expect(reads).toEqual(['find', 'find']);
  await stop();
});
