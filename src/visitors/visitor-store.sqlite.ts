import type { Row } from '../sqlite/database.js';
import type { Sqlite } from '../sqlite/sqlite.js';
import type { VisitorRecord, VisitorStore } from './visitor-store.js';

const ENSURE = 'INSERT INTO visitors (id, created_at, display_name) VALUES (?, ?, ?) ON CONFLICT DO NOTHING';
const RENAME = `
  INSERT INTO visitors (id, created_at, display_name) VALUES (?, ?, ?)
  ON CONFLICT (id) DO UPDATE SET display_name = excluded.display_name`;
const BY_IDS = 'SELECT * FROM visitors WHERE id IN (SELECT value FROM json_each(?))';

const toVisitor = (row: Row): VisitorRecord => ({
  id: String(row['id']),
  createdAt: new Date(Number(row['created_at'])),
  displayName: row['display_name'] == null ? null : String(row['display_name']),
});

const toRow = ({ id, createdAt, displayName }: VisitorRecord) => [id, createdAt.getTime(), displayName];

/** Visitors in the embedded database. */
export function createSqliteVisitorStore({
  sqlite,
}: {
  sqlite: Pick<Sqlite, 'read' | 'write'>;
}): VisitorStore {
  return {
    async ensure(visitor, signal) {
      await sqlite.write({ sql: ENSURE, rows: [toRow(visitor)] }, signal);
    },

    async rename(visitor, signal) {
      await sqlite.write({ sql: RENAME, rows: [toRow(visitor)] }, signal);
    },

    async byIds(ids, signal) {
      return sqlite.read(BY_IDS, [JSON.stringify(ids)], signal).map(toVisitor);
    },
  };
}
