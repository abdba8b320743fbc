import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFile,
  mkdir,
  open as openFile,
  readdir,
  rename,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { silentLogger } from '../../src/lib/logger.js';
import { systemIds } from '../../src/lib/ids.js';
import { StartError } from '../../src/lib/start-error.js';
import { createSqliteMessageStore } from '../../src/messages/message-store.sqlite.js';
import { createSqliteVisitorStore } from '../../src/visitors/visitor-store.sqlite.js';
import { DATABASE_FILE, makeDurable, openConnection } from '../../src/sqlite/database.js';
import { migrate, NewerSchemaError, schemaSteps } from '../../src/sqlite/schema.js';
import { backupSqlite, openSqlite, openSqliteReader, type Sqlite } from '../../src/sqlite/sqlite.js';
import { soon } from '../testkit/signals.js';
import { newDataDir, newSqlite } from './worlds/sqlite.js';

const PRELOAD = fileURLToPath(new URL('../../scripts/run-typescript.js', import.meta.url));
const CHILD = fileURLToPath(new URL('./worlds/sqlite-child.ts', import.meta.url));
const FILE_BLOCK_BYTES = 1024;
const PAGE_BYTES = 4096;

const ENSURE = 'INSERT INTO visitors (id, created_at, display_name) VALUES (?, 0, NULL)';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function newFolder(): Promise<string> {
  const { dataDir, remove } = await newDataDir();
  cleanups.push(remove);
  return dataDir;
}

async function open(dataDir: string): Promise<Sqlite> {
  const sqlite = await openSqlite({ dataDir, log: silentLogger });
  cleanups.push(() => sqlite.stop());
  return sqlite;
}

async function newDatabase() {
  const world = await newSqlite();
  cleanups.push(world.stop);
  return world;
}

interface Child {
  readonly process: ChildProcess;
  /** What it has printed so far; grows. */
  readonly lines: string[];
  /** Resolves when it has printed so many lines. */
  printed(count: number): Promise<void>;
  kill(): Promise<void>;
}

/** A process that holds `dataDir` and appends to `logs`. */
function startChild(dataDir: string, logs: readonly string[], maxFileBytes?: number): Child {
  const args = ['--import', PRELOAD, CHILD, dataDir, logs.join(',')];
  const child =
    maxFileBytes === undefined
      ? spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
      : spawn(
          'bash',
          ['-c', `ulimit -f ${maxFileBytes / FILE_BLOCK_BYTES}; exec "$0" "$@"`, process.execPath, ...args],
          {
            stdio: ['ignore', 'pipe', 'inherit'],
          },
        );
  const lines: string[] = [];
  const reading = createInterface({ input: child.stdout });
  reading.on('line', (line) => lines.push(line));
  const closed = once(child, 'close');
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await closed;
  };
  cleanups.push(kill);
  return {
    process: child,
    lines,
    kill,
    printed: (count) => expect.poll(() => lines.length, { timeout: 30_000 }).toBeGreaterThanOrEqual(count),
  };
}

/** Numbers stored in a log, ascending. */
async function numbersOf(sqlite: Sqlite, logId: string): Promise<number[]> {
  const rows = sqlite.read('SELECT number FROM messages WHERE room_id = ? ORDER BY number', [logId], soon());
  return rows.map((row) => Number(row['number']));
}

describe('durability', () => {
  test('kill -9 loses nothing acknowledged, keeps numbers dense, and leaves a folder that opens again', async () => {
    const dataDir = await newFolder();
    const logs = ['one', 'two', 'three', 'four'];
    for (const round of [1, 2, 3]) {
      const roundLogs = logs.map((logId) => `${logId}-${round}`);
      const child = startChild(dataDir, roundLogs);
      await child.printed(400 * round);
      await child.kill();
      const acknowledged = child.lines.filter((line) => line !== 'open');
      expect(acknowledged).not.toContain('unknown');

      const sqlite = await openSqlite({ dataDir, log: silentLogger });
      expect(sqlite.read('PRAGMA integrity_check', [], soon())).toMatchObject([{ integrity_check: 'ok' }]);
      const stored = new Set<string>();
      for (const logId of roundLogs) {
        const numbers = await numbersOf(sqlite, logId);
        expect(numbers).toEqual(numbers.map((_, index) => index + 1));
        for (const number of numbers) stored.add(`${logId} ${number}`);
      }
      expect(acknowledged.filter((line) => !stored.has(line))).toEqual([]);
      await sqlite.stop();
    }
  });

  test('a full disk makes outcomes unknown; what was acknowledged stays and the process lives', async () => {
    const dataDir = await newFolder();
    const child = startChild(dataDir, ['log'], 2048 * FILE_BLOCK_BYTES);
    await expect.poll(() => child.lines.at(-1), { timeout: 30_000 }).toBe('unknown');
    expect(child.process.exitCode).toBeNull();
    await child.kill();
    const acknowledged = child.lines.filter((line) => line.startsWith('log '));
    expect(acknowledged.length).toBeGreaterThan(100);
    const numbers = await numbersOf(await open(dataDir), 'log');
    expect(numbers.slice(0, acknowledged.length)).toEqual(acknowledged.map((line) => Number(line.slice(4))));
  });

  test('LOG-1: every commit waits for the disk, and the thread that writes has its connection so', async () => {
    const { sqlite, dataDir } = await newDatabase();
    const connection = openConnection(join(dataDir, DATABASE_FILE));
    cleanups.push(() => connection.close());
    makeDurable(connection);
    const names = ['synchronous', 'fullfsync', 'checkpoint_fullfsync', 'wal_autocheckpoint'];
    const values = names.flatMap((name) => Object.values(connection.prepare(`PRAGMA ${name}`).get() ?? {}));
    const FULL = 2;
    expect(values).toEqual([FULL, 1, 1, 16_000]);
    // A connection as it is opened copies the log into the database, and begins it anew, after a quarter of this.
    for (let megabytes = 0; megabytes < 16; megabytes += 1) {
      const id = String(megabytes).padEnd(2 ** 20, 'x');
      await sqlite.write({ sql: ENSURE, rows: [[id]] }, soon());
    }
    const { size } = await stat(join(dataDir, `${DATABASE_FILE}-wal`));
    expect(size).toBeGreaterThan(16 * 2 ** 20);
  });

  test('stop waits for what was asked for, twice is fine, and afterwards everything is unavailable', async () => {
    const dataDir = await newFolder();
    const sqlite = await open(dataDir);
    const store = createSqliteVisitorStore({ sqlite });
    const visitors = Array.from({ length: 50 }, (_, index) => ({
      id: `visitor ${index}`,
      createdAt: new Date(0),
      displayName: null,
    }));
    const writing = Promise.all(visitors.map((visitor) => store.ensure(visitor, soon())));
    await Promise.all([sqlite.stop(), sqlite.stop()]);
    await writing;
    await expect(store.ensure(visitors[0]!, soon())).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(store.byIds(['visitor 0'], soon())).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(() => sqlite.ping(soon())).toThrow(expect.objectContaining({ code: 'UNAVAILABLE' }));
    const again = createSqliteVisitorStore({ sqlite: await open(dataDir) });
    expect(
      await again.byIds(
        visitors.map(({ id }) => id),
        soon(),
      ),
    ).toHaveLength(50);
  });
});

describe('the file', () => {
  const visitors = Array.from({ length: 2000 }, (_, index) => [`visitor ${index}`]);
  const READ = 'SELECT count(*) AS visitors FROM visitors WHERE display_name IS NULL';

  test('is all there is of a database after stop', async () => {
    const dataDir = await newFolder();
    const sqlite = await open(dataDir);
    await sqlite.write({ sql: ENSURE, rows: visitors }, soon());
    sqlite.read(READ, [], soon());
    await sqlite.stop();
    const elsewhere = await newFolder();
    await copyFile(join(dataDir, DATABASE_FILE), join(elsewhere, DATABASE_FILE));
    const copy = await open(elsewhere);
    expect(copy.read(READ, [], soon())).toEqual([{ visitors: visitors.length }]);
  });

  test('that was taken away or replaced takes nothing, since nobody would find it again, and the log says so once', async () => {
    const dataDir = await newFolder();
    const said: object[] = [];
    const say = (fields: object): void => void said.push(fields);
    const sqlite = await openSqlite({ dataDir, log: { ...silentLogger, error: say, info: say } });
    cleanups.push(() => sqlite.stop());
    const [file, elsewhere] = [join(dataDir, DATABASE_FILE), join(dataDir, 'elsewhere')];
    const refused = async (): Promise<void> => {
      await expect(sqlite.write({ sql: ENSURE, rows: [['a']] }, soon())).rejects.toMatchObject({
        code: 'UNAVAILABLE',
      });
      expect(said).toEqual([{ writes: 1, reason: expect.stringContaining('removed or replaced') }]);
      expect(() => sqlite.ping(soon())).toThrow(expect.objectContaining({ code: 'UNAVAILABLE' }));
    };
    await rename(file, elsewhere);
    await refused();
    await writeFile(file, 'another one');
    await refused();
    await rename(elsewhere, file);
    sqlite.ping(soon());
    for (const id of ['a', 'b']) {
      await expect(sqlite.write({ sql: ENSURE, rows: [[id]] }, soon())).resolves.toMatchObject({ done: 1 });
    }
    expect(said.splice(0).slice(1)).toEqual([{}]);
    await rename(file, elsewhere);
    await refused();
  });

  test('that cannot be read is unavailable, and the log says why', async () => {
    const dataDir = await newFolder();
    const sqlite = await open(dataDir);
    await sqlite.write({ sql: ENSURE, rows: visitors }, soon());
    await sqlite.stop();
    const file = await openFile(join(dataDir, DATABASE_FILE), 'r+');
    const { size } = await file.stat();
    // The first page names the tables, and is looked at by a start.
    await file.write(Buffer.alloc(size - PAGE_BYTES, 0xa5), 0, size - PAGE_BYTES, PAGE_BYTES);
    await file.close();
    const said: object[] = [];
    const log = { ...silentLogger, error: (fields: object) => void said.push(fields) };
    const damaged = await openSqlite({ dataDir, log });
    cleanups.push(() => damaged.stop());
    expect(() => damaged.read(READ, [], soon())).toThrow(expect.objectContaining({ code: 'UNAVAILABLE' }));
    expect(said).toEqual([{ reason: expect.stringContaining('malformed') }]);
  });
});

describe('group commit', () => {
  test('a refused row and a wrong statement end their own write, not those beside it', async () => {
    const { sqlite } = await newDatabase();
    const [refused, unknownTable, notNull, landed] = await Promise.allSettled([
      sqlite.write({ sql: ENSURE, rows: [['a'], ['b'], ['a'], ['c']] }, soon()),
      sqlite.write({ sql: 'INSERT INTO nowhere VALUES (?)', rows: [['a']] }, soon()),
      sqlite.write({ sql: ENSURE, rows: [[null]] }, soon()),
      sqlite.write({ sql: ENSURE, rows: [['d'], ['e']] }, soon()),
    ]);
    expect(refused).toMatchObject({ value: { done: 2, refused: expect.stringContaining('visitors.id') } });
    expect(unknownTable).toMatchObject({ reason: { message: expect.stringContaining('nowhere') } });
    expect(notNull).toMatchObject({ value: { done: 0, refused: expect.stringContaining('NOT NULL') } });
    expect(landed).toMatchObject({ value: { done: 2, changes: 2, refused: null } });
    const ids = sqlite.read('SELECT id FROM visitors ORDER BY id', [], soon()).map((row) => row['id']);
    expect(ids).toEqual(['a', 'b', 'd', 'e']);
  });

  const ALL = 'INSERT INTO visitors (id, created_at) SELECT value, 0 FROM json_each(?)';

  test.each([
    ['undoes all by itself', ENSURE, (text: string) => [text]],
    ['undoes its statement alone', ALL, (text: string) => [JSON.stringify([text, `${text}z`])]],
  ])(
    'a row for which there is no room ends its group, of which nothing stays: SQLite %s',
    async (_, sql, row) => {
      const { sqlite } = await newDatabase();
      const pages = (count: number) =>
        sqlite.write({ sql: `PRAGMA max_page_count = ${count}`, rows: [[]] }, soon());
      await sqlite.write({ sql: ENSURE, rows: [['before']] }, soon());
      await pages(1);
      const told = await Promise.allSettled([
        sqlite.write({ sql: ENSURE, rows: [['a']] }, soon()),
        sqlite.write({ sql, rows: [row('x'.repeat(2 ** 20))] }, soon()),
        sqlite.write({ sql: ENSURE, rows: [['b']] }, soon()),
      ]);
      for (const each of told) expect(each).toMatchObject({ reason: { code: 'UNAVAILABLE' } });
      await pages(1_000_000);
      await sqlite.write({ sql, rows: [row('y')] }, soon());
      await sqlite.write({ sql: ENSURE, rows: [['after']] }, soon());
      const ids = sqlite.read('SELECT id FROM visitors ORDER BY id', [], soon()).map((each) => each['id']);
      expect(ids.slice(0, 3)).toEqual(['after', 'before', 'y']);
    },
  );

  test('a write that is given up is unavailable, and those beside it land', async () => {
    const { sqlite } = await newDatabase();
    const giveUp = new AbortController();
    const given = sqlite.write({ sql: ENSURE, rows: [['given up']] }, giveUp.signal);
    const kept = sqlite.write({ sql: ENSURE, rows: [['kept']] }, soon());
    giveUp.abort();
    await expect(given).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(kept).resolves.toMatchObject({ done: 1 });
    const late = sqlite.write({ sql: ENSURE, rows: [['late']] }, giveUp.signal);
    await expect(late).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(sqlite.read('SELECT id FROM visitors', [], soon())).toEqual([{ id: 'kept' }]);
  });

  test.each([
    ['at work', false],
    ['while it is stopped', true],
  ])('a thread that ends %s answers all that waits for it, and takes nothing more', async (_, isStopped) => {
    const dataDir = await newFolder();
    const made = once(process, 'worker');
    const sqlite = await open(dataDir);
    const [thread] = (await made) as [Worker];
    const patient = new AbortController().signal;
    // It never gets its group: the package ends the whole process when its thread is ended within a call.
    vi.spyOn(thread, 'postMessage').mockImplementation(() => undefined);
    const refused = (id: string) =>
      expect(sqlite.write({ sql: ENSURE, rows: [[id]] }, patient)).rejects.toMatchObject({
        code: 'UNAVAILABLE',
      });
    const sent = refused('sent');
    await new Promise(setImmediate);
    const collected = refused('collected');
    const stopped = isStopped ? sqlite.stop() : null;
    if (isStopped) {
      // What reads is closed first.
      await new Promise(setImmediate);
      await refused('late');
    }
    await thread.terminate();
    await Promise.all([sent, collected, stopped]);
    await refused('later');
    expect(() => sqlite.ping(soon())).toThrow(expect.objectContaining({ code: 'UNAVAILABLE' }));
    await sqlite.stop();
  });

  test('more than one group holds is written all the same, in order of asking', async () => {
    const { sqlite } = await newDatabase();
    const store = createSqliteMessageStore({ sqlite });
    const batches = Array.from({ length: 30 }, (_, batch) =>
      Array.from({ length: 200 }, (_unused, index) => {
        const number = batch * 200 + index + 1;
        const call = number.toString(16).padStart(16, '0');
        const key = `s:${call}`;
        return { logId: 'log', number, authorId: 'author', call, key, text: '', createdAt: new Date(0) };
      }),
    );
    const landed = await Promise.all(
      batches.map((batch) => store.append(batch, store.session(), soon()).then((done) => done.landed)),
    );
    expect(landed).toEqual(batches.map(() => 200));
    expect(await numbersOf(sqlite, 'log')).toHaveLength(6000);
  });

  test('who was told and comes again in the next turn is in one group with who came again at once', async () => {
    const dataDir = await newFolder();
    const made = once(process, 'worker');
    const sqlite = await open(dataDir);
    const [thread] = (await made) as [Worker];
    const posted = vi.spyOn(thread, 'postMessage');
    const write = (id: string) => sqlite.write({ sql: ENSURE, rows: [[id]] }, soon());
    await Promise.all([
      write('one').then(() => write('one again')),
      write('other')
        .then(() => new Promise(setImmediate))
        .then(() => write('other again')),
    ]);
    expect(posted.mock.calls.map(([message]) => message.writes.length)).toEqual([2, 2]);
  });

  test('those behind as many rows as a group holds are another group: who came first is told first', async () => {
    const { sqlite } = await newDatabase();
    const sql = 'INSERT INTO visitors (id, created_at) VALUES (?, 0)';
    const told: number[] = [];
    const writes = [1999, 1, 1, 2001, 1].map((count, place) =>
      sqlite
        .write({ sql, rows: Array.from({ length: count }, (_, index) => [`${place} ${index}`]) }, soon())
        .then(() => told.push(place)),
    );
    const together: (readonly number[])[] = [];
    for (const write of writes) {
      await write;
      for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
      together.push([...told]);
    }
    expect(together).toEqual([
      [0, 1],
      [0, 1],
      [0, 1, 2],
      [0, 1, 2, 3],
      [0, 1, 2, 3, 4],
    ]);
  });
});

describe('the data folder', () => {
  test('is made when it is not there', async () => {
    const dataDir = join(await newFolder(), 'deep', 'data');
    await open(dataDir);
    expect(await readdir(dataDir)).toContain(DATABASE_FILE);
  });

  test('held by another process is refused with words, and free again after its kill -9', async () => {
    const dataDir = await newFolder();
    const child = startChild(dataDir, []);
    await child.printed(1);
    const refusal = openSqlite({ dataDir, log: silentLogger });
    await expect(refusal).rejects.toThrow(StartError);
    await expect(refusal).rejects.toThrow(`DATA_DIR ${dataDir} is in use by another process`);
    await child.kill();
    await open(dataDir);
  });

  test('held by this process is refused too, and free after stop', async () => {
    const dataDir = await newFolder();
    const sqlite = await open(dataDir);
    await expect(openSqlite({ dataDir, log: silentLogger })).rejects.toThrow('in use');
    await expect(openSqlite({ dataDir, log: silentLogger })).rejects.toThrow('in use');
    sqlite.ping(soon());
    await sqlite.stop();
    await open(dataDir);
  });

  test('that cannot be written to is refused with words', async () => {
    const file = join(await newFolder(), 'file');
    await writeFile(file, '');
    const dataDir = join(file, 'data');
    const refusal = openSqlite({ dataDir, log: silentLogger });
    await expect(refusal).rejects.toThrow(StartError);
    await expect(refusal).rejects.toThrow(`DATA_DIR ${dataDir} cannot be written to`);
  });

  test.each([
    ['a file that is no database', (path: string) => writeFile(path, 'no database '.repeat(1000))],
    ['a folder where the database belongs', (path: string) => mkdir(path)],
  ])('with %s is refused with words, and let go', async (_, spoil) => {
    const dataDir = await newFolder();
    await spoil(join(dataDir, DATABASE_FILE));
    for (const _attempt of [1, 2]) {
      const refusal = openSqlite({ dataDir, log: silentLogger });
      await expect(refusal).rejects.toThrow(StartError);
      await expect(refusal).rejects.toThrow(`DATA_DIR: ${join(dataDir, DATABASE_FILE)} cannot be opened`);
    }
  });

  test('written by a newer release is refused with words and left as it is', async () => {
    const dataDir = await newFolder();
    const file = openConnection(join(dataDir, DATABASE_FILE));
    file.exec('PRAGMA user_version = 99');
    const refusal = openSqlite({ dataDir, log: silentLogger });
    await expect(refusal).rejects.toThrow(StartError);
    await expect(refusal).rejects.toThrow('newer release (schema 99');
    expect(file.prepare('SELECT count(*) AS tables FROM sqlite_schema').get()).toEqual({ tables: 0 });
    file.close();
  });

  test('written by a newer release is not read by a tool that would not understand it, and is backed up all the same', async () => {
    const dataDir = await newFolder();
    await (await openSqlite({ dataDir, log: silentLogger })).stop();
    const file = openConnection(join(dataDir, DATABASE_FILE));
    file.exec('PRAGMA user_version = 99');
    file.close();
    expect(() => openSqliteReader(dataDir)).toThrow(/newer release \(schema 99/);
    await backupSqlite(dataDir, join(dataDir, 'copy.db'), systemIds);
    expect((await stat(join(dataDir, 'copy.db'))).size).toBeGreaterThan(0);
  });
});

describe('schema', () => {
  const steps = ['CREATE TABLE one (id)', 'CREATE TABLE two (id)', 'CREATE TABLE three (id)'];
  const tables = (connection: ReturnType<typeof openConnection>): unknown[] =>
    connection
      .prepare('SELECT name FROM sqlite_schema ORDER BY rowid')
      .all()
      .map((row: { name: string }) => row.name);

  test('an older one is brought up to date step by step, and a repeat does nothing', () => {
    const connection = openConnection(':memory:');
    migrate(connection, steps.slice(0, 1));
    expect(tables(connection)).toEqual(['one']);
    migrate(connection, steps);
    migrate(connection, steps);
    expect(tables(connection)).toEqual(['one', 'two', 'three']);
    connection.close();
  });

  test('a step that fails leaves the steps before it and nothing of its own', () => {
    const connection = openConnection(':memory:');
    const broken = [...steps.slice(0, 1), 'CREATE TABLE two (id); CREATE TABLE one (id)'];
    expect(() => migrate(connection, broken)).toThrow('already exists');
    expect(tables(connection)).toEqual(['one']);
    migrate(connection, steps);
    expect(tables(connection)).toEqual(['one', 'two', 'three']);
    connection.close();
  });

  test('a step whose failure ended its transaction says what failed', () => {
    const connection = openConnection(':memory:');
    // As a full disk does.
    expect(() => migrate(connection, ['ROLLBACK; CREATE TABLE one (id); CREATE TABLE one (id)'])).toThrow(
      'already exists',
    );
    connection.close();
  });

  test('a newer one is refused', () => {
    const connection = openConnection(':memory:');
    migrate(connection, steps);
    expect(() => migrate(connection, steps.slice(0, 2))).toThrow(NewerSchemaError);
    connection.close();
  });

  test('a fresh database has the version of this release', async () => {
    const { sqlite } = await newDatabase();
    expect(sqlite.read('PRAGMA user_version', [], soon())).toEqual([{ user_version: schemaSteps.length }]);
  });
});

describe('beside a running server', () => {
  test('a reader sees what is stored, and another process may read too', async () => {
    const { sqlite, dataDir } = await newDatabase();
    const reader = openSqliteReader(dataDir);
    cleanups.push(reader.close);
    await sqlite.write({ sql: ENSURE, rows: [['a']] }, soon());
    expect(reader.read('SELECT id FROM visitors', [], soon())).toEqual([{ id: 'a' }]);
  });

  test('a backup is the database as of now, opens as a data folder, and replaces nothing', async () => {
    const { sqlite, dataDir } = await newDatabase();
    await sqlite.write({ sql: ENSURE, rows: [['a'], ['b']] }, soon());
    const target = await newFolder();
    const file = join(target, DATABASE_FILE);
    await backupSqlite(dataDir, file, systemIds);
    await sqlite.write({ sql: ENSURE, rows: [['c']] }, soon());
    await expect(backupSqlite(dataDir, file, systemIds)).rejects.toThrow(StartError);
    const restored = await open(target);
    expect(restored.read('SELECT id FROM visitors ORDER BY id', [], soon())).toEqual([
      { id: 'a' },
      { id: 'b' },
    ]);
  });

  test('a copy that was closed in order is read and backed up where nothing can be written, and no other one is', async () => {
    const { sqlite, dataDir } = await newDatabase();
    await sqlite.write({ sql: ENSURE, rows: [['a']] }, soon());
    const [killed, closed] = [await newFolder(), await newFolder()];
    for (const name of [DATABASE_FILE, `${DATABASE_FILE}-wal`]) {
      await copyFile(join(dataDir, name), join(killed, name));
    }
    await sqlite.stop();
    await copyFile(join(dataDir, DATABASE_FILE), join(closed, DATABASE_FILE));
    // What SQLite would make beside an open database: there is no place for it.
    for (const folder of [killed, closed]) {
      await symlink(join(folder, 'none', 'none'), join(folder, `${DATABASE_FILE}-shm`));
    }
    expect(() => openSqliteReader(killed)).toThrow(`DATA_DIR ${killed} holds no database that can be read`);
    const reader = openSqliteReader(closed);
    cleanups.push(reader.close);
    expect(reader.read('SELECT id FROM visitors', [], soon())).toEqual([{ id: 'a' }]);
    const target = await newFolder();
    await backupSqlite(closed, join(target, DATABASE_FILE), systemIds);
    expect((await open(target)).read('SELECT id FROM visitors', [], soon())).toEqual([{ id: 'a' }]);
  });

  test('a folder without a database has nothing to read or to back up', async () => {
    const dataDir = await newFolder();
    expect(() => openSqliteReader(dataDir)).toThrow(`DATA_DIR ${dataDir} holds no database`);
    await expect(backupSqlite(dataDir, join(dataDir, 'copy'), systemIds)).rejects.toThrow(StartError);
    expect(await readdir(dataDir)).toEqual([]);
  });
});
