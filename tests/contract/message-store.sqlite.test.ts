import { systemIds } from '../../src/lib/ids.js';
import { createSqliteMessageStore } from '../../src/messages/message-store.sqlite.js';
import { createSqliteRoomStore } from '../../src/rooms/room-store.sqlite.js';
import { soon } from '../testkit/signals.js';
import { logStoreSuite } from './log-store.suite.js';
import { newSqlite } from './worlds/sqlite.js';

const CREATED_AT = new Date(Date.UTC(2026, 0, 31, 9, 30, 0, 123));

logStoreSuite('messages in SQLite', async () => {
  const { sqlite, stop } = await newSqlite();
  const rooms = createSqliteRoomStore({ sqlite });
  return {
    store: createSqliteMessageStore({ sqlite }),
    record: (fields) => ({ ...fields, text: `text ${fields.number}`, createdAt: CREATED_AT }),
    async addLog(id) {
      await rooms.create(
        { id, name: id, nameKey: id, createdAt: CREATED_AT, creatorId: systemIds.uuid() },
        soon(),
      );
    },
    async setFirst(id, first) {
      await sqlite.write({ sql: 'UPDATE rooms SET first = ? WHERE id = ?', rows: [[first, id]] }, soon());
    },
    setHead: (id, head) => rooms.raise([{ id, head, activeAt: CREATED_AT }], soon()),
    stop,
  };
});
