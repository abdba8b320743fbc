import { join } from 'node:path';
import { firstLine, StartError } from '../lib/start-error.js';
import { isBusyError, openConnection, type Connection } from './database.js';

const LOCK_FILE = 'madang.lock';

/**
 * Takes a folder for this process. The lock is one of the operating system, held through SQLite: it ends with
 * the process, however that ends, so a killed server leaves nothing behind that must be cleaned up.
 *
 * @returns how to give the folder back.
 * @throws StartError when another process holds it, or the lock cannot be made.
 */
export function lockFolder(folder: string): () => void {
  const file = join(folder, LOCK_FILE);
  let connection: Connection | undefined;
  try {
    connection = openConnection(file, { timeoutMs: 0 });
    connection.exec('BEGIN EXCLUSIVE');
    return connection.close.bind(connection);
  } catch (error) {
    connection?.close();
    const words = isBusyError(error)
      ? `DATA_DIR ${folder} is in use by another process; stop it, or set DATA_DIR to another folder`
      : `DATA_DIR: ${file} cannot be locked: ${firstLine(error)}`;
    throw new StartError(words, { cause: error });
  }
}
