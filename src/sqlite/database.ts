import { statSync } from 'node:fs';
import { createRequire, isBuiltin } from 'node:module';
import type { DatabaseSyncInstance, SqliteModule, StatementSyncInstance } from '@photostructure/sqlite';
import { systemCode } from '../lib/system-code.js';

/** One connection. Everything on it blocks the thread that calls it. */
export type Connection = DatabaseSyncInstance;

/** What can be bound to a parameter, and what a column gives. */
export type SqlValue = string | number | null;

/** One row, by column. */
export type Row = Record<string, SqlValue>;

/** Name of the database file in `DATA_DIR`. */
export const DATABASE_FILE = 'madang.sqlite';

/** How long a connection waits for a lock of another one: only recovery and closing ever hold one. */
const BUSY_TIMEOUT_MS = 1000;

/**
 * Copied from the log into the database at once, 64 MB: fewer would copy the same hot pages more often. With 16 MB an
 * eighth fewer messages a second were stored.
 */
const CHECKPOINT_PAGES = 16_000;

/** Primary result codes of SQLite (https://sqlite.org/rescode.html). */
const SQLITE_ERROR = 1;
const SQLITE_BUSY = 5;
const SQLITE_CANTOPEN = 14;
const SQLITE_TOOBIG = 18;
const SQLITE_CONSTRAINT = 19;
const SQLITE_MISMATCH = 20;
const SQLITE_RANGE = 25;
const PRIMARY_CODE_MASK = 0xff;

/** The code of every error of SQLite itself, whichever driver says it. */
const SQLITE_ERROR_CODE = 'ERR_SQLITE_ERROR';

const driverName = (): string => (isBuiltin('node:sqlite') ? 'node:sqlite' : '@photostructure/sqlite');

/**
 * Opens a connection with the driver that this Node offers: its own, else the package with the same API.
 *
 * @throws an error of the driver when the file cannot be opened or is no database.
 */
export function openConnection(
  file: string,
  options: { readOnly?: boolean; timeoutMs?: number } = {},
): Connection {
  // Loaded here rather than imported: an import of a module that this Node lacks would end the process.
  const driver: SqliteModule = createRequire(import.meta.url)(driverName());
  const connection = new driver.DatabaseSync(file, { readOnly: options.readOnly ?? false });
  connection.exec(`PRAGMA busy_timeout = ${options.timeoutMs ?? BUSY_TIMEOUT_MS}`);
  return connection;
}

/**
 * Makes every commit of this connection safe from power loss. `fullfsync` matters on macOS, whose fsync does
 * not reach the platter; elsewhere it changes nothing.
 */
export function makeDurable(connection: Connection): void {
  connection.exec('PRAGMA synchronous = FULL');
  connection.exec('PRAGMA fullfsync = ON');
  connection.exec('PRAGMA checkpoint_fullfsync = ON');
  connection.exec(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
}

/** Prepares each text once per connection. The texts are those in the source, so there are few of them. */
export function createStatementCache(connection: Connection): (sql: string) => StatementSyncInstance {
  const statements = new Map<string, StatementSyncInstance>();
  return (sql) => {
    let statement = statements.get(sql);
    if (statement === undefined) {
      statement = connection.prepare(sql);
      statements.set(sql, statement);
    }
    return statement;
  };
}

const primaryCode = (error: unknown): number | null =>
  error instanceof Error && 'errcode' in error && typeof error.errcode === 'number'
    ? error.errcode & PRIMARY_CODE_MASK
    : null;

/** Whether a constraint refused one row, which undoes that row alone. */
export const isConstraintError = (error: unknown): boolean => primaryCode(error) === SQLITE_CONSTRAINT;

/**
 * Whether the error is the statement's own (its text, its parameters, its row) and leaves the transaction
 * around it as it was. Every other one (a full disk, a failed read) is the database's, and ends it.
 */
export function isStatementError(error: unknown): boolean {
  const code = primaryCode(error);
  // The package says no number when a row cannot be read. What is wrong with a statement it says with one.
  if (code === null) return systemCode(error) !== SQLITE_ERROR_CODE;
  return (
    code === SQLITE_ERROR ||
    code === SQLITE_TOOBIG ||
    code === SQLITE_CONSTRAINT ||
    code === SQLITE_MISMATCH ||
    code === SQLITE_RANGE
  );
}

/** Whether another connection holds the lock that was asked for. */
export const isBusyError = (error: unknown): boolean => primaryCode(error) === SQLITE_BUSY;

/** Whether a file could not be opened: that of the database, or one beside it. */
export const isCannotOpenError = (error: unknown): boolean => primaryCode(error) === SQLITE_CANTOPEN;

/** Undoes a transaction in which something has failed. */
export function endTransaction(connection: Connection): void {
  try {
    connection.exec('ROLLBACK');
  } catch {
    // The error that brought us here has ended it already.
  }
}

/**
 * Tells whether a file is still where it is now. SQLite goes on writing to one that was removed or replaced, and nobody
 * finds that again.
 */
export function watchPlace(file: string): () => boolean {
  const { ino } = statSync(file);
  return () => statSync(file, { throwIfNoEntry: false })?.ino === ino;
}
