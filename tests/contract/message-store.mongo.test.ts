import { systemIds } from '../../src/lib/ids.js';
import { createMongoMessageStore } from '../../src/messages/message-store.mongo.js';
import { createMongoRoomStore } from '../../src/rooms/room-store.mongo.js';
import { soon } from '../testkit/signals.js';
import { logStoreSuite } from './log-store.suite.js';
import { newMongo } from './worlds/mongo.js';

const CREATED_AT = new Date(Date.UTC(2026, 0, 31, 9, 30, 0, 123));

logStoreSuite('messages in MongoDB', async () => {
  const { mongo, stop } = await newMongo();
  const rooms = createMongoRoomStore({ mongo });
  return {
    store: createMongoMessageStore({ mongo }),
    record: (fields) => ({ ...fields, text: `text ${fields.number}`, createdAt: CREATED_AT }),
    async addLog(id) {
      await rooms.create(
        { id, name: id, nameKey: id, createdAt: CREATED_AT, creatorId: systemIds.uuid() },
        soon(),
      );
    },
    async setFirst(id, first) {
      await mongo.db.collection<{ _id: string }>('rooms').updateOne({ _id: id }, { $set: { first } });
    },
    setHead: (id, head) => rooms.raise([{ id, head, activeAt: CREATED_AT }], soon()),
    stop,
  };
});
