import { createMongoVisitorStore } from '../../src/visitors/visitor-store.mongo.js';
import { visitorStoreSuite } from './visitor-store.suite.js';
import { newMongo } from './worlds/mongo.js';

visitorStoreSuite('MongoDB', async () => {
  const { mongo, stop } = await newMongo();
  return { store: createMongoVisitorStore({ mongo }), stop };
});
