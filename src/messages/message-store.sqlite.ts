import type { Appended } from '../log/log-store.js';
import type { Row, SqlValue } from '../sqlite/database.js';
import type { Sqlite } from '../sqlite/sqlite.js';
import type { Message } from './message.js';
import type { MessageStore } from './message-store.js';

const APPEND = `
  INSERT INTO messages (room_id, number, author_id, text, created_at, key, call) VALUES (?, ?, ?, ?, ?, ?, ?)`;
const GET = `
  SELECT messages.* FROM json_each(?) AS place
  CROSS JOIN messages ON room_id = place.value ->> 0 AND number = place.value ->> 1`;
const RANGE = 'SELECT * FROM messages WHERE room_id = ? AND number > ? AND number <= ? ORDER BY number';
const BY_KEY = 'SELECT * FROM messages WHERE room_id = ? AND author_id = ? AND key = ?';
const NEWEST = 'SELECT * FROM messages WHERE room_id = ? ORDER BY number DESC LIMIT 1';
const FIRSTS = 'SELECT id, first FROM rooms WHERE id IN (SELECT value FROM json_each(?))';

/** The column that only the constraint on keys names. */
const KEY_COLUMN = 'messages.key';

const toRow = (message: Message): readonly SqlValue[] => [
  message.logId,
  message.number,
  message.authorId,
  message.text,
  message.createdAt.getTime(),
  message.key,
  message.call,
];

const toMessage = (row: Row): Message => ({
  logId: String(row['room_id']),
  number: Number(row['number']),
  authorId: String(row['author_id']),
  text: String(row['text']),
  createdAt: new Date(Number(row['created_at'])),
  key: String(row['key']),
  call: String(row['call']),
});

/**
 * Messages in the embedded database. One machine has one history and sees every commit at once, so sessions and
 * read levels have nothing to do here.
 */
export function createSqliteMessageStore({
  sqlite,
}: {
  sqlite: Pick<Sqlite, 'read' | 'write'>;
}): MessageStore {
  const first = (rows: readonly Row[]): Message | null => (rows[0] === undefined ? null : toMessage(rows[0]));

  return {
    session: () => ({ end: () => undefined }),

    async append(batch, _session, signal): Promise<Appended> {
      try {
        const { done, refused } = await sqlite.write({ sql: APPEND, rows: batch.map(toRow) }, signal);
        if (refused === null) return { outcome: 'landed', landed: done };
        return { outcome: refused.includes(KEY_COLUMN) ? 'duplicate' : 'conflict', landed: done };
      } catch (cause) {
        return { outcome: 'unknown', landed: 0, cause };
      }
    },

    async get(positions, _level, signal) {
      const places = positions.map(({ logId, number }) => [logId, number]);
      return sqlite.read(GET, [JSON.stringify(places)], signal).map(toMessage);
    },

    async range(logId, after, through, signal) {
      return sqlite.read(RANGE, [logId, after, through], signal).map(toMessage);
    },

    async byKey(logId, authorId, key, _session, signal) {
      return first(sqlite.read(BY_KEY, [logId, authorId, key], signal));
    },

    async newest(logId, _session, signal) {
      return first(sqlite.read(NEWEST, [logId], signal));
    },

    async firsts(logIds, _level, signal) {
      const rows = sqlite.read(FIRSTS, [JSON.stringify(logIds)], signal);
      return new Map(rows.map((row) => [String(row['id']), Number(row['first'])]));
    },
  };
}
