import type { Config } from '../config.js';
import { systemIds } from '../lib/ids.js';
import { StartError } from '../lib/start-error.js';
import { backupSqlite } from '../sqlite/sqlite.js';

/** Copies the embedded database, as of one moment, into a new file; the server may be running. */
export async function backup(config: Config, file: string, print: (line: string) => void): Promise<number> {
  if (config.mode !== 'embedded') {
    throw new StartError(
      'backup copies the embedded database; with MONGODB_URL use mongodump (docs/OPERATIONS.md)',
    );
  }
  await backupSqlite(config.dataDir, file, systemIds);
  print(`copied the database of ${config.dataDir} to ${file}`);
  return 0;
}
