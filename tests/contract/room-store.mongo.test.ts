import { expect, it } from 'vitest';
import { createMongoRoomStore } from '../../src/rooms/room-store.mongo.js';
import { roomStoreSuite } from './room-store.suite.js';
import { soon } from '../testkit/signals.js';
import { newMongo, readsOf } from './worlds/mongo.js';

roomStoreSuite('MongoDB', async () => {
  const { mongo, stop } = await newMongo();
  return { store: createMongoRoomStore({ mongo }), stop };
});

it('rooms are read with one command, however many they are', async () => {
  const { mongo, stop } = await newMongo();
  const store = createMongoRoomStore({ mongo });
  const ids = ['r1', 'r2', 'r3'];
  for (const id of ids) {
    const room = { id, name: id, nameKey: id, createdAt: new Date(0), creatorId: 'v' };
    await store.create(room, soon());
  }
  const reads = readsOf(mongo);
  for (const asked of [ids, ids.slice(0, 1)]) {
    expect(await store.byIds(asked, soon())).toHaveLength(asked.length);
  }
  expect(reads).toEqual(['find', 'find']);
  await stop();
});
