import { unavailable } from '../lib/coded-error.js';
import type { Row } from '../sqlite/database.js';
import type { Sqlite } from '../sqlite/sqlite.js';
import type { RoomActivity, RoomRecord, RoomStore } from './room-store.js';

const CREATE = `
  INSERT INTO rooms (id, name, name_key, created_at, creator_id, head, active_at, first)
  VALUES (?, ?, ?, ?, ?, 0, ?, 1) ON CONFLICT DO NOTHING`;
const HOLDER = 'SELECT id, name, created_at, creator_id FROM rooms WHERE name_key = ? OR id = ?';
const BY_IDS = 'SELECT id, name, created_at FROM rooms WHERE id IN (SELECT value FROM json_each(?))';
const BY_NAME_KEY = 'SELECT id, name, created_at FROM rooms WHERE name_key = ?';
const OLDER = `
  SELECT id, name, created_at FROM rooms WHERE (created_at, id) < (?, ?)
  ORDER BY created_at DESC, id DESC LIMIT ?`;
const RAISE = 'UPDATE rooms SET head = max(head, ?), active_at = max(active_at, ?) WHERE id = ?';
const ACTIVITIES = `
  SELECT id, created_at, head, active_at FROM rooms WHERE id > ? AND created_at >= ? ORDER BY id LIMIT ?`;

/** Behind every room: ids are ASCII, times are those of this world. */
const NEWEST_PLACE = [Number.MAX_SAFE_INTEGER, ''] as const;
const BATCH_ROOMS = 1000;

const toRoom = (row: Row): RoomRecord => ({
  id: String(row['id']),
  name: String(row['name']),
  createdAt: new Date(Number(row['created_at'])),
});

const toActivity = (row: Row): RoomActivity => ({
  id: String(row['id']),
  createdAt: new Date(Number(row['created_at'])),
  head: Number(row['head']),
  activeAt: new Date(Number(row['active_at'])),
});

/** Rooms in the embedded database. */
export function createSqliteRoomStore({ sqlite }: { sqlite: Pick<Sqlite, 'read' | 'write'> }): RoomStore {
  return {
    async create({ id, name, nameKey, createdAt, creatorId }, signal) {
      const at = createdAt.getTime();
      const { changes } = await sqlite.write(
        { sql: CREATE, rows: [[id, name, nameKey, at, creatorId, at]] },
        signal,
      );
      if (changes > 0) return { taken: null };
      const holder = sqlite.read(HOLDER, [nameKey, id], signal)[0];
      // Rooms are never deleted, so whoever was in the way is there.
      if (holder === undefined) throw unavailable();
      return { taken: { ...toRoom(holder), creatorId: String(holder['creator_id']) } };
    },

    async byIds(ids, signal) {
      return sqlite.read(BY_IDS, [JSON.stringify(ids)], signal).map(toRoom);
    },

    async byNameKey(nameKey, signal) {
      const row = sqlite.read(BY_NAME_KEY, [nameKey], signal)[0];
      return row === undefined ? null : toRoom(row);
    },

    async older(place, limit, except, signal) {
      const [at, id] = place === null ? NEWEST_PLACE : [place.createdAt.getTime(), place.id];
      // At most `except.size` of these go away again.
      const rows = sqlite.read(OLDER, [at, id, limit + except.size], signal);
      return rows
        .map(toRoom)
        .filter((room) => !except.has(room.id))
        .slice(0, limit);
    },

    async raise(rooms, signal) {
      if (rooms.length === 0) return;
      const rows = rooms.map((room) => [room.head, room.activeAt.getTime(), room.id]);
      await sqlite.write({ sql: RAISE, rows }, signal);
    },

    async *activities(since, signal) {
      let after = '';
      for (;;) {
        const rows = sqlite.read(ACTIVITIES, [after, since?.getTime() ?? 0, BATCH_ROOMS], signal);
        if (rows.length > 0) yield rows.map(toActivity);
        if (rows.length < BATCH_ROOMS) return;
        after = String(rows.at(-1)?.['id']);
      }
    },
  };
}
