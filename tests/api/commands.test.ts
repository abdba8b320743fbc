import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MongoClient } from 'mongodb';
import { describe, expect, it, onTestFinished } from 'vitest';
import { silentLogger } from '../../src/lib/logger.js';
import { openSqlite } from '../../src/sqlite/sqlite.js';
import { type Foundation, foundation, type TestFoundation } from '../testkit/foundation.js';
import { request } from '../testkit/graphql-client.js';
import {
  createRoom,
  createVisitor,
  MESSAGE_ADDED,
  type MessageAdded,
  readLog,
  readPage,
  sendMessage,
} from '../testkit/seed.js';
import { type ServerChild, startServerChild } from '../testkit/server-child.js';
import { builtEntryPoint, mongoForTests } from '../testkit/services/index.js';
import { soon } from '../testkit/signals.js';
import { openSocket } from '../testkit/socket-client.js';
import { eventually, FOUNDATIONS } from './world.js';

/** The first page of the database names the tables. */
const SQLITE_PAGE_BYTES = 4096;

/** What the program printed, and how it ended. */
async function madang(args: readonly string[], env: Readonly<Record<string, string>> = {}, cwd?: string) {
  const child = spawn(process.execPath, [await builtEntryPoint(), ...args], {
    cwd,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
  });
  let lines = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (lines += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, lines: lines.trim().split('\n') };
}

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'madang-commands-'));
  onTestFinished(() => rm(made, { recursive: true, force: true }));
  return made;
}

async function serve(
  ground: TestFoundation,
  env: Readonly<Record<string, string>> = {},
): Promise<ServerChild> {
  const server = await startServerChild({ env: { ...ground.env, ...env } });
  onTestFinished(async () => {
    if (server.isRunning()) await server.stop('SIGINT');
  });
  return server;
}

describe('madang key', () => {
  it('prints a fresh key that a server takes', async () => {
    const [one, two] = [await madang(['key']), await madang(['key'])];
    expect([one.code, one.lines.length]).toEqual([0, 1]);
    expect(one.lines).not.toEqual(two.lines);
    const checked = await madang(['check'], { AUTH_KEYS: `${one.lines[0]},${two.lines[0]}` });
    expect([checked.code, checked.lines.at(-1)]).toEqual([0, 'the configuration is valid']);
    expect(checked.lines.join('\n')).not.toContain(one.lines[0]?.split(':')[1]);
  });
});

describe('madang check', () => {
  it('names every problem, one a line, and exits with 1', async () => {
    const { code, lines } = await madang(['check'], {
      PORT: '70000',
      ALLOWED_ORIGINS: 'chat.example.com',
      AUTH_KEYS: 'short:c2hvcnQ',
      METRICS_PORT: 'x',
      REDIS_URL: 'redis://127.0.0.1',
    });
    expect(code).toBe(1);
    for (const name of ['PORT', 'ALLOWED_ORIGINS', 'AUTH_KEYS', 'METRICS_PORT', 'REDIS_URL']) {
      expect(lines.filter((line) => line.startsWith(`madang: ${name}`))).toHaveLength(1);
    }
  });
});

describe('madang check of AUTH_KEYS_FILE', () => {
  it('reads it as a start does, and makes no key of its own', async () => {
    const made = await folder();
    const env = { AUTH_KEYS_FILE: join(made, 'keys'), DATA_DIR: join(made, 'data') };
    const missing = await madang(['check'], env);
    expect(missing.code).toBe(1);
    expect(missing.lines).toEqual([expect.stringContaining('madang: AUTH_KEYS_FILE')]);
    await writeFile(env.AUTH_KEYS_FILE, 'short:c2hvcnQ');
    expect((await madang(['check'], env)).code).toBe(1);
    await writeFile(env.AUTH_KEYS_FILE, (await madang(['key'])).lines.join('\n'));
    const checked = await madang(['check'], env);
    expect([checked.code, checked.lines.at(-1)]).toEqual([0, 'the configuration is valid']);
    await madang(['check'], { DATA_DIR: env.DATA_DIR });
    expect(await readdir(made)).toEqual(['keys']);
  });
});

describe('an unknown command', () => {
  it.each([['fly'], ['verify'], ['backup'], ['key', 'x']])('%s: says how it is used', async (...args) => {
    const { code, lines } = await madang(args);
    expect(code).toBe(1);
    expect(lines).toEqual([expect.stringContaining('usage: madang')]);
  });
});

describe('madang help', () => {
  it.each(['help', '--help', '-h'])('%s: says how it is used, and that is no failure', async (command) => {
    const { code, lines } = await madang([command]);
    expect(code).toBe(0);
    expect(lines).toEqual([expect.stringContaining('usage: madang')]);
  });
});

describe('madang verify', () => {
  async function roomOf(name: Foundation) {
    const ground = await foundation(name);
    onTestFinished(() => ground.dispose());
    const server = await serve(ground);
    const visitor = await createVisitor(server.url());
    const roomId = await createRoom(server.url(), visitor);
    for (let sent = 0; sent < 5; sent += 1) await sendMessage(server.url(), visitor, { roomId, text: 'x' });
    return { roomId, env: ground.env, server };
  }

  it.each(FOUNDATIONS)('says that a room is dense while its server runs, %s', async (name) => {
    const { roomId, env } = await roomOf(name);
    expect(await madang(['verify', roomId], env)).toEqual({
      code: 0,
      lines: ['messages 1 to 5: dense, no hole'],
    });
    expect(await madang(['verify', 'nothing'], env)).toEqual({
      code: 1,
      lines: ['madang: there is no room nothing'],
    });
  });

  const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

  /** What the server has made, read by a client of our own or file by file. */
  async function kept(env: Readonly<Record<string, string>>): Promise<unknown> {
    const { MONGODB_URL: url, DATA_DIR: folder = '' } = env;
    if (url === undefined) {
      // What is called `-shm` is memory that the readers of SQLite share. A log that is empty says what none says: where
      // none is left by a stop, a reader makes one.
      const names = (await readdir(folder)).filter((name) => !name.endsWith('-shm')).toSorted();
      const files = await Promise.all(
        names.map(async (name) => ({ name, bytes: await readFile(join(folder, name)) })),
      );
      return files
        .filter(({ name, bytes }) => !name.endsWith('-wal') || bytes.length > 0)
        .map(({ name, bytes }) => [name, digest(bytes)]);
    }
    const client = new MongoClient(url);
    try {
      const collections = await client.db().collections();
      return await Promise.all(
        collections
          .toSorted((a, b) => a.collectionName.localeCompare(b.collectionName))
          .map(async (one) => [one.collectionName, await one.listIndexes().toArray()]),
      );
    } finally {
      await client.close();
    }
  }

  it.each(FOUNDATIONS)('changes nothing, whatever its own settings are, %s', async (name) => {
    const { roomId, env, server } = await roomOf(name);
    await server.stop('SIGINT');
    const before = await kept(env);
    const { code } = await madang(['verify', roomId], { ...env, RECENT_VISIT_WINDOW_SECONDS: '5' });
    expect(code).toBe(0);
    expect(await kept(env)).toEqual(before);
  });

  it('says in words that the room cannot be read', async () => {
    const { roomId, env, server } = await roomOf('embedded');
    await server.stop('SIGINT');
    const file = join(env['DATA_DIR'] ?? '', 'madang.sqlite');
    const bytes = await readFile(file);
    await writeFile(file, bytes.fill(0xa5, SQLITE_PAGE_BYTES));
    expect(await madang(['verify', roomId], env)).toEqual({
      code: 1,
      lines: [expect.stringMatching(/^madang: DATA_DIR .* cannot be read: .*malformed/)],
    });
  });

  it('names what is missing', async () => {
    const { roomId, env } = await roomOf('distributed');
    const client = new MongoClient(env['MONGODB_URL'] ?? '');
    await client
      .db()
      .collection('messages')
      .deleteMany({ number: { $in: [2, 3] } });
    await client.close();
    expect(await madang(['verify', roomId], env)).toEqual({
      code: 1,
      lines: ['message 2 is missing', 'message 3 is missing', '2 of 5 messages are missing'],
    });
  });
});

describe('madang backup', () => {
  it('takes what it is given for the name of a file, whatever it looks like', async () => {
    const ground = await foundation('embedded');
    onTestFinished(() => ground.dispose());
    await serve(ground);
    for (const name of ['file:copy', ':memory:', "it's a copy"]) {
      const made = await folder();
      expect((await madang(['backup', name], ground.env, made)).code).toBe(0);
      expect(await readdir(made)).toEqual([name]);
      expect((await stat(join(made, name))).size).toBeGreaterThan(0);
    }
  });
});

describe('madang backup that is killed', () => {
  const ROWS = 100;
  const MEGABYTE = 2 ** 20;
  const COUNT = 'SELECT count(*) AS visitors FROM visitors';

  it('leaves no part of a copy under its name, where one opens as an empty chat, and none in the way of the next', async () => {
    const [dataDir, made] = [await folder(), await folder()];
    const sqlite = await openSqlite({ dataDir, log: silentLogger });
    const sql = 'INSERT INTO visitors (id, created_at) VALUES (?, 0)';
    for (let row = 0; row < ROWS; row += 1) {
      await sqlite.write({ sql, rows: [[String(row).padEnd(MEGABYTE, 'x')]] }, soon());
    }
    await sqlite.stop();
    for (const round of [1, 2, 3, 4]) {
      const copy = join(made, String(round));
      await mkdir(copy);
      const file = join(copy, 'madang.sqlite');
      const args = [await builtEntryPoint(), 'backup', file];
      const child = spawn(process.execPath, args, { env: { DATA_DIR: dataDir } });
      const ended = once(child, 'close');
      await eventually(
        () => readdir(copy),
        (names) => names.length > 0,
      );
      child.kill('SIGKILL');
      await ended;
      // One that was quicker than its end is whole.
      const isWhole = (await readdir(copy)).includes('madang.sqlite');
      const again = isWhole ? null : await madang(['backup', file], { DATA_DIR: dataDir });
      expect(again?.code ?? 0).toBe(0);
      const opened = await openSqlite({ dataDir: copy, log: silentLogger });
      expect(opened.read(COUNT, [], soon())).toEqual([{ visitors: ROWS }]);
      await opened.stop();
    }
  });
});

/** What a client sees that was there before an older state was restored. */
async function followsAfterRestore(
  url: string,
  lost: { roomId: string; cursor: string; kept: number; token: string },
) {
  const { roomId, cursor, kept, token } = lost;
  const socket = await openSocket(url, { token });
  const codes = async () => {
    const operation = socket.subscribe(MESSAGE_ADDED, { roomId, after: cursor });
    expect(await operation.ended).toBe('error');
    return operation.errors[0]?.extensions?.code;
  };
  // Ahead of everything that there is; later the same number, in another history.
  expect(await codes()).toBe('BAD_CURSOR');
  const visitor = await createVisitor(url);
  for (let sent = 0; sent < 30; sent += 1) await sendMessage(url, visitor, { roomId, text: `new ${sent}` });
  expect(await codes()).toBe('CURSOR_EXPIRED');
  const paged = await request(
    url,
    'query ($r: ID!, $c: String) { room(id: $r) { messages(first: 1, after: $c) { totalCount } } }',
    { r: roomId, c: cursor },
  );
  expect(paged.errors[0]?.extensions?.code).toBe('CURSOR_EXPIRED');
  const page = await readPage(url, roomId, { last: 5 });
  const resumed = socket.subscribe<MessageAdded>(MESSAGE_ADDED, { roomId, after: page.resumeCursor });
  await sendMessage(url, visitor, { roomId, text: 'and on' });
  await eventually(
    () => resumed.data.length,
    (count) => count === 1,
  );
  expect(resumed.data[0]?.messageAdded.message).toMatchObject({ number: kept + 31, text: 'and on' });
  expect((await readLog(url, roomId)).map(({ number }) => number)).toEqual(
    Array.from({ length: kept + 31 }, (_, at) => at + 1),
  );
  socket.close();
}

describe('a restored backup', () => {
  it('of the embedded store, made while it runs: clients are told, and follow anew', async () => {
    const [ground, kept] = [await foundation('embedded'), await folder()];
    onTestFinished(() => ground.dispose());
    const server = await serve(ground);
    const visitor = await createVisitor(server.url());
    const roomId = await createRoom(server.url(), visitor);
    for (let sent = 0; sent < 10; sent += 1)
      await sendMessage(server.url(), visitor, { roomId, text: `old ${sent}` });
    const file = join(kept, 'backup.sqlite');
    expect((await madang(['backup', file], ground.env)).code).toBe(0);
    expect((await madang(['backup', file], ground.env)).code).toBe(1);
    expect((await stat(file)).size).toBeGreaterThan(0);
    let cursor = '';
    for (let sent = 0; sent < 10; sent += 1) {
      cursor = (await sendMessage(server.url(), visitor, { roomId, text: `lost ${sent}` })).cursor ?? '';
    }
    await server.stop('SIGINT');

    const restored = join(kept, 'data');
    await mkdir(restored);
    await copyFile(file, join(restored, 'madang.sqlite'));
    await copyFile(join(ground.env['DATA_DIR'] ?? '', 'auth.key'), join(restored, 'auth.key'));
    const again = await serve(ground, { DATA_DIR: restored });
    expect((await readLog(again.url(), roomId)).map(({ text }) => text)).toEqual(
      Array.from({ length: 10 }, (_, at) => `old ${at}`),
    );
    await followsAfterRestore(again.url(), { roomId, cursor, kept: 10, token: visitor.token });
  });

  it('of MongoDB, with Redis as it was: clients are told, and follow anew', async () => {
    const [ground, second] = [await foundation('distributed'), await mongoForTests()];
    onTestFinished(async () => {
      await ground.dispose();
      await second.dispose();
    });
    const server = await serve(ground);
    const visitor = await createVisitor(server.url());
    const roomId = await createRoom(server.url(), visitor);
    for (let sent = 0; sent < 10; sent += 1)
      await sendMessage(server.url(), visitor, { roomId, text: `old ${sent}` });
    // As mongodump and mongorestore do: all documents into another database.
    const client = new MongoClient(ground.env['MONGODB_URL'] ?? '');
    onTestFinished(() => client.close());
    for (const { name } of await client.db().listCollections().toArray()) {
      const documents = await client.db().collection(name).find().toArray();
      if (documents.length > 0) await client.db(second.database).collection(name).insertMany(documents);
    }
    let cursor = '';
    for (let sent = 0; sent < 10; sent += 1) {
      cursor = (await sendMessage(server.url(), visitor, { roomId, text: `lost ${sent}` })).cursor ?? '';
    }
    await server.stop('SIGINT');
    const again = await serve(ground, { MONGODB_URL: second.url });
    expect(await readLog(again.url(), roomId)).toHaveLength(10);
    await followsAfterRestore(again.url(), { roomId, cursor, kept: 10, token: visitor.token });
  });

  it('with MongoDB is not what madang backup makes, and it says what does', async () => {
    const ground = await foundation('distributed');
    onTestFinished(() => ground.dispose());
    const { code, lines } = await madang(['backup', join(await folder(), 'x')], ground.env);
    expect(code).toBe(1);
    expect(lines.join('')).toContain('mongodump');
  });
});
