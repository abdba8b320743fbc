import { createSqliteRoomStore } from '../../src/rooms/room-store.sqlite.js';
import { roomStoreSuite } from './room-store.suite.js';
import { newSqlite } from './worlds/sqlite.js';

roomStoreSuite('SQLite', async () => {
  const { sqlite, stop } = await newSqlite();
  return { store: createSqliteRoomStore({ sqlite }), stop };
});
