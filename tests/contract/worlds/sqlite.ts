import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '../../../src/lib/logger.js';
import { openSqlite, type Sqlite } from '../../../src/sqlite/sqlite.js';

/** A data folder of its own under the system's folder for such things. */
export async function newDataDir(): Promise<{ dataDir: string; remove: () => Promise<void> }> {
  const dataDir = await mkdtemp(join(tmpdir(), 'madang-data-'));
  return { dataDir, remove: () => rm(dataDir, { recursive: true, force: true }) };
}

/** An embedded database in a folder of its own; `stop` removes both. */
export async function newSqlite(): Promise<{ sqlite: Sqlite; dataDir: string; stop: () => Promise<void> }> {
  const { dataDir, remove } = await newDataDir();
  const sqlite = await openSqlite({ dataDir, log: silentLogger });
  return {
    sqlite,
    dataDir,
    async stop() {
      await sqlite.stop();
      await remove();
    },
  };
}
