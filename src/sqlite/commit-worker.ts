import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import {
  createStatementCache,
  endTransaction,
  isConstraintError,
  isStatementError,
  makeDurable,
  openConnection,
  watchPlace,
  type Connection,
} from './database.js';
import type { FromWorker, GroupOutcome, ToWorker, Write, Written } from './write-protocol.js';

/**
 * The writer's thread: one group of writes, one transaction, one wait for the disk, so that this wait never
 * stops the event loop and is shared by all that came while the last one ran.
 */
function serve(port: MessagePort, file: string): void {
  const connection = openConnection(file);
  makeDurable(connection);
  const runGroup = createGroupRunner(connection, file);
  const answer = (message: FromWorker): void => port.postMessage(message);
  port.on('message', (message: ToWorker) => {
    if (message.kind === 'group') {
      answer(runGroup(message.writes));
    } else {
      closeWhole(connection);
      port.close();
    }
  });
  answer({ kind: 'ready' });
}

/**
 * Leaves all that is stored in the one file, as SQLite does when it closes the last connection. The package's
 * statements outlive theirs, so with it none ever is the last.
 */
function closeWhole(connection: Connection): void {
  try {
    connection.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  } catch {
    // A full disk: the next start reads the log.
  }
  connection.close();
}

function createGroupRunner(connection: Connection, file: string): (writes: readonly Write[]) => GroupOutcome {
  const prepared = createStatementCache(connection);
  const isInPlace = watchPlace(file);

  function runWrite({ sql, rows }: Write): Written | { readonly failed: string } {
    let done = 0;
    let changes = 0;
    try {
      const statement = prepared(sql);
      for (const row of rows) {
        changes += statement.run(...row).changes;
        done += 1;
      }
      return { done, changes, refused: null };
    } catch (error) {
      if (!isStatementError(error)) throw error;
      const words = String(error);
      return isConstraintError(error) ? { done, changes, refused: words } : { failed: words };
    }
  }

  return (writes) => {
    try {
      if (!isInPlace()) throw new Error(`${file} was removed or replaced`);
      connection.exec('BEGIN IMMEDIATE');
      const outcomes = writes.map(runWrite);
      connection.exec('COMMIT');
      return { kind: 'committed', writes: outcomes };
    } catch (error) {
      endTransaction(connection);
      return { kind: 'failed', reason: String(error) };
    }
  };
}

const { file }: { file: string } = workerData;
if (parentPort !== null) serve(parentPort, file);
