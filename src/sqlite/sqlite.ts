import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { unavailable } from '../lib/coded-error.js';
import { makeDataFolder } from '../lib/data-folder.js';
import { createDisposer } from '../lib/disposer.js';
import type { Ids } from '../lib/ids.js';
import type { Logger } from '../lib/logger.js';
import { firstLine, StartError } from '../lib/start-error.js';
import {
  createStatementCache,
  DATABASE_FILE,
  isCannotOpenError,
  isStatementError,
  makeDurable,
  openConnection,
  watchPlace,
  type Connection,
  type Row,
  type SqlValue,
} from './database.js';
import { lockFolder } from './folder-lock.js';
import { startGroupWriter, type GroupWriter } from './group-writer.js';
import { migrate, NewerSchemaError, schemaSteps, versionOf } from './schema.js';

/** The embedded database of one data folder: read here and now, written by a thread of its own. */
export interface Sqlite {
  /**
   * All rows of a query, as of now: every write that has resolved is in them.
   *
   * @throws CodedError `UNAVAILABLE` when `signal` has aborted or the file cannot be read.
   */
  readonly read: (sql: string, parameters: readonly SqlValue[], signal: AbortSignal) => readonly Row[];
  /** See `GroupWriter.write`. */
  readonly write: GroupWriter['write'];
  /** @throws CodedError `UNAVAILABLE` when it can not be read and written any more. */
  ping(signal: AbortSignal): void;
  /** Waits for the writes that were asked for, closes the file and gives the folder back. Twice is fine. */
  stop(): Promise<void>;
}

/** Reads alone, for tools that look at a folder while a server runs on it. */
export type SqliteReader = Pick<Sqlite, 'read'> & { readonly close: () => void };

/**
 * Opens the database in `dataDir`, makes it when it is not there, and brings an older one up to date.
 *
 * @throws StartError when the folder cannot be written to, is in use, or holds a newer or a foreign file.
 */
export async function openSqlite(deps: { dataDir: string; log: Logger }): Promise<Sqlite> {
  const folder = resolve(deps.dataDir);
  prepareFolder(folder);
  const opened = createDisposer((name, error) =>
    deps.log.error({ reason: String(error) }, `closing the ${name}`),
  );
  opened.add('lock of the data folder', lockFolder(folder));
  try {
    const file = join(folder, DATABASE_FILE);
    prepareFile(file);
    const writer = await startGroupWriter({ file, log: deps.log });
    opened.add('writer of the database', writer.stop);
    const reader = createReader(openConnection(file, { readOnly: true }), (error) =>
      deps.log.error({ reason: String(error) }, 'a read failed'),
    );
    opened.add('reader of the database', reader.close);
    const isInPlace = watchPlace(file);
    return {
      read: reader.read,
      write: writer.write,
      ping(signal) {
        if (!writer.alive() || !isInPlace()) throw unavailable();
        reader.read('SELECT 1', [], signal);
      },
      stop: () => opened.dispose(),
    };
  } catch (error) {
    await opened.dispose();
    throw error;
  }
}

/**
 * Opens the database of a folder for reading, beside a server that may be running on it.
 *
 * @throws StartError when there is none, or it is newer than this release.
 */
export function openSqliteReader(dataDir: string): SqliteReader {
  const connection = openForReading(dataDir);
  try {
    versionOf(connection, schemaSteps);
    return createReader(connection, () => undefined);
  } catch (error) {
    connection.close();
    throw notOpened(join(resolve(dataDir), DATABASE_FILE), error);
  }
}

/**
 * Copies the database of a folder, as of one moment, into a new file, while a server may be running on it. The file
 * has its name once it is whole: a part of one opens, too, as an empty database. Resolves when the copy is on the disk.
 * Blocks this thread meanwhile.
 *
 * @param ids - name the unfinished file, so that what a killed backup left is in nobody's way.
 * @throws StartError when there is no database, or `target` exists or cannot be written.
 */
export async function backupSqlite(
  dataDir: string,
  target: string,
  ids: Pick<Ids, 'random64'>,
): Promise<void> {
  const source = openForReading(dataDir);
  const unfinished = `${target}.${ids.random64()}.part`;
  try {
    // Looked at before all is copied in vain.
    if (existsSync(target)) throw new Error('it exists already');
    const copy = await open(unfinished, 'wx');
    try {
      // Made absolute, it is the name of a file: SQLite takes one that begins with `file:` for a URL.
      source.prepare('VACUUM INTO ?').run(resolve(unfinished));
      await copy.sync();
      // Made exclusively, so that a copy never replaces anything.
      await (await open(target, 'wx')).close();
      await rename(unfinished, target);
    } catch (error) {
      await rm(unfinished);
      throw error;
    } finally {
      await copy.close();
    }
  } catch (error) {
    throw new StartError(`the backup ${target} cannot be written: ${firstLine(error)}`, { cause: error });
  } finally {
    source.close();
  }
}

function openForReading(dataDir: string): Connection {
  const folder = resolve(dataDir);
  const file = join(folder, DATABASE_FILE);
  try {
    try {
      return openReader(file);
    } catch (error) {
      // Where nothing can be written, as in a snapshot, SQLite lacks the file that it makes beside an open database. One
      // that was closed in order can do without.
      if (!isCannotOpenError(error) || !isClosed(file)) throw error;
      return openReader(`${pathToFileURL(file).href}?immutable=1`);
    }
  } catch (error) {
    throw new StartError(`DATA_DIR ${folder} holds no database that can be read: ${firstLine(error)}`, {
      cause: error,
    });
  }
}

/** Whether all of a database is in its file. Of one that is open, or was killed, some may be in its log. */
const isClosed = (file: string): boolean =>
  existsSync(file) && (statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0) === 0;

function openReader(file: string): Connection {
  const connection = openConnection(file, { readOnly: true });
  try {
    connection.exec('SELECT 1 FROM messages LIMIT 0');
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}

function prepareFolder(folder: string): void {
  try {
    makeDataFolder(folder);
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new StartError(`DATA_DIR ${folder} cannot be written to: ${firstLine(error)}`, { cause: error });
  }
}

function notOpened(file: string, error: unknown): StartError {
  const why =
    error instanceof NewerSchemaError
      ? `was written by a newer release (schema ${error.found}, this one knows ${schemaSteps.length}); run that release, or set DATA_DIR to another folder`
      : `cannot be opened: ${firstLine(error)}`;
  return new StartError(`DATA_DIR: ${file} ${why}`, { cause: error });
}

function prepareFile(file: string): void {
  let connection: Connection | undefined;
  try {
    connection = openConnection(file);
    makeDurable(connection);
    connection.exec('PRAGMA journal_mode = WAL');
    migrate(connection, schemaSteps);
  } catch (error) {
    throw notOpened(file, error);
  } finally {
    connection?.close();
  }
}

/** @param onFailed - hears why the file could not be read: who asked is told that it could not alone. */
function createReader(connection: Connection, onFailed: (error: unknown) => void): SqliteReader {
  const prepared = createStatementCache(connection);
  let closed = false;
  return {
    read(sql, parameters, signal) {
      if (signal.aborted || closed) throw unavailable(signal.reason);
      try {
        const rows: Row[] = prepared(sql).all(...parameters);
        return rows;
      } catch (error) {
        if (isStatementError(error)) throw error;
        onFailed(error);
        throw unavailable(error);
      }
    },
    close() {
      closed = true;
      connection.close();
    },
  };
}
