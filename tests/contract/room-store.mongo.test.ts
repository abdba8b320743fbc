import { createMongoRoomStore } from '../../src/rooms/room-store.mongo.js';
import { roomStoreSuite } from './room-store.suite.js';
import { newMongo } from './worlds/mongo.js';

roomStoreSuite('MongoDB', async () => {
  const { mongo, stop } = await newMongo();
  return { store: createMongoRoomStore({ mongo }), stop };
});
