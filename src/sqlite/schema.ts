import { endTransaction, type Connection } from './database.js';

/**
 * One step per version: `steps[n]` takes a database from version n to n + 1. A released step is never changed;
 * a new one is added behind it.
 */
export const schemaSteps: readonly string[] = [
  `
  CREATE TABLE messages (
    room_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    author_id TEXT NOT NULL,
    text TEXT NOT NULL,
    created_at INTEGER NOT NULL, -- ms since the epoch
    key TEXT NOT NULL,
    call TEXT NOT NULL,
    PRIMARY KEY (room_id, number)
  ) STRICT, WITHOUT ROWID;
  CREATE UNIQUE INDEX messages_key ON messages (room_id, author_id, key);

  CREATE TABLE rooms (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    created_at INTEGER NOT NULL, -- ms since the epoch
    creator_id TEXT NOT NULL,
    head INTEGER NOT NULL,       -- lags behind the log
    active_at INTEGER NOT NULL,  -- ms since the epoch, lags too
    first INTEGER NOT NULL       -- lowest number that is kept
  ) STRICT, WITHOUT ROWID;
  CREATE UNIQUE INDEX rooms_name ON rooms (name_key);
  CREATE INDEX rooms_created ON rooms (created_at, id);

  CREATE TABLE visitors (
    id TEXT NOT NULL PRIMARY KEY,
    created_at INTEGER NOT NULL, -- ms since the epoch
    display_name TEXT            -- null: the name made from the id
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE visits (
    room_id TEXT NOT NULL,
    visitor_id TEXT NOT NULL,
    at INTEGER NOT NULL,         -- ms since the epoch
    PRIMARY KEY (room_id, visitor_id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX visits_at ON visits (at);
  `,
  // By the key first: those that the server makes come in the order of time, so the keys of all rooms are written to
  // the same few pages, and not to one for each room: a sixth more messages a second, 50 senders in 100 rooms.
  `
  DROP INDEX messages_key;
  CREATE UNIQUE INDEX messages_key ON messages (key, author_id, room_id);
  `,
];

/** The database was written by a newer release, whose schema this one does not know. */
export class NewerSchemaError extends Error {
  readonly found: number;
  constructor(found: number) {
    super(`schema version ${found}`);
    this.name = 'NewerSchemaError';
    this.found = found;
  }
}

/**
 * The version of a database.
 *
 * @throws NewerSchemaError when it is ahead of `steps`.
 */
export function versionOf(connection: Connection, steps: readonly string[]): number {
  const found = Number(connection.prepare('PRAGMA user_version').get()?.['user_version']);
  if (found > steps.length) throw new NewerSchemaError(found);
  return found;
}

/**
 * Brings a database to the version `steps.length`, each step in a transaction of its own together with the
 * version it leads to, so that a crash between two steps is taken up again. Repeats do nothing.
 *
 * @throws NewerSchemaError when the database is ahead of `steps`; it is not touched then.
 */
export function migrate(connection: Connection, steps: readonly string[]): void {
  const found = versionOf(connection, steps);
  for (const [index, step] of steps.entries()) {
    if (index < found) continue;
    connection.exec('BEGIN IMMEDIATE');
    try {
      connection.exec(`${step}; PRAGMA user_version = ${index + 1}`);
      connection.exec('COMMIT');
    } catch (error) {
      endTransaction(connection);
      throw error;
    }
  }
}
