import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { MongoClient } from 'mongodb';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { cached } from './cache.js';
import { mongoForTests, programPath, redisForTests, startMongo, startRedis } from './index.js';
import { findProgram } from './programs.js';
import { startRedis as startRedisWith } from './redis.js';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const close of closers.splice(0).reverse()) await close();
});

function redisClient(url: string): Redis {
  const client = new Redis(url, { retryStrategy: () => 100, maxRetriesPerRequest: null });
  client.on('error', () => undefined);
  closers.push(() => client.disconnect());
  return client;
}

describe('shared services', () => {
  it('gives every caller a prefix and a database of its own on one server', async () => {
    const [redisA, redisB] = await Promise.all([redisForTests(), redisForTests()]);
    expect(redisA.url).toBe(redisB.url);
    expect(redisA.prefix).not.toBe(redisB.prefix);
    const [mongoA, mongoB] = await Promise.all([mongoForTests(), mongoForTests()]);
    expect(new URL(mongoA.url).host).toBe(new URL(mongoB.url).host);
    expect(mongoA.database).not.toBe(mongoB.database);
    expect(mongoA.url).toContain(mongoA.database);
  });

  it('removes what it made, and nothing else, when disposed of', async () => {
    const [mine, others] = [await redisForTests(), await redisForTests()];
    const client = redisClient(mine.url);
    await client.set(`{${mine.prefix}}:a`, '1');
    await client.set(`{${others.prefix}}:a`, '1');
    await mine.dispose();
    expect(await client.exists(`{${mine.prefix}}:a`)).toBe(0);
    expect(await client.exists(`{${others.prefix}}:a`)).toBe(1);
    await others.dispose();
  });
});

describe('a Redis of our own', () => {
  it('can be killed and starts again, empty, on the same port', async () => {
    const server = await startRedis();
    closers.push(() => server.close());
    expect(server.version).toMatch(/^(Redis|Valkey) \d/);
    const client = redisClient(server.url);
    await client.set('a', '1');
    await server.kill();
    expect(server.isRunning()).toBe(false);
    await server.start();
    expect(await client.get('a')).toBeNull();
  });

  it('answers nothing while paused, and answers afterwards', async () => {
    const server = await startRedis();
    closers.push(() => server.close());
    const client = redisClient(server.url);
    await client.ping();
    await server.pause();
    let answered = false;
    const answer = client.ping().then(() => (answered = true));
    await expect(once(client, 'x', { signal: AbortSignal.timeout(300) })).rejects.toThrow(/abort/i);
    expect(answered).toBe(false);
    await server.resume();
    await answer;
  });
});

/** Stands in for a container engine: it runs the server beside us, on the published port and folder. */
const ENGINE = `#!/bin/sh
verb=$1; shift
for name in "$@"; do :; done
state=\${0%/*}
echo "$verb" >>"$state/verbs"
case $verb in
  run)
    while [ "$1" != redis-server ]; do
      case $1 in
        --name) name=$2 ;;
        --publish) port=\${2#*:}; port=\${port%:*} ;;
        --volume) folder=\${2%:*} ;;
      esac
      shift
    done
    shift 3
    echo $$ >"$state/$name"
    exec SERVER --port "$port" --dir "$folder" "$@" ;;
  kill | rm) kill -9 "$(cat "$state/$name")" ;;
  stop) kill "$(cat "$state/$name")" ;;
  pause) kill -STOP "$(cat "$state/$name")" ;;
  unpause) kill -CONT "$(cat "$state/$name")" ;;
esac
`;

describe('a Redis in a container', () => {
  it('is killed, paused and started again through its engine', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'madang-engine-'));
    closers.push(() => rm(folder, { recursive: true, force: true }));
    const engine = join(folder, 'engine');
    await writeFile(engine, ENGINE.replace('SERVER', await programPath('redis')), { mode: 0o755 });
    const server = await startRedisWith(
      {},
      { kind: 'container', command: engine, source: 'as a container', image: 'redis:7' },
    );
    closers.push(() => server.close());
    const client = redisClient(server.url);
    await client.set('a', '1');
    await server.pause();
    await server.kill();
    await server.start();
    expect(await client.get('a')).toBeNull();
    await server.stop();
    expect(server.isRunning()).toBe(false);
    const verbs = await readFile(join(folder, 'verbs'), 'utf8');
    expect(verbs.trim().split('\n')).toEqual([
      ...['run', 'pause', 'unpause', 'kill'],
      ...['run', 'unpause', 'stop'],
    ]);
  });
});

describe('a MongoDB of our own', () => {
  it('keeps what it acknowledged when it is killed', async () => {
    const server = await startMongo();
    closers.push(() => server.close());
    const client = new MongoClient(server.url('kept'));
    closers.push(() => client.close());
    const things = client.db().collection('things');
    await things.insertOne({ name: 'kept' }, { writeConcern: { w: 'majority', journal: true } });
    await server.kill();
    await server.start();
    expect(await things.countDocuments({ name: 'kept' })).toBe(1);
  });
});

describe('programs', () => {
  it.each([
    ['redis', /^No Redis: install .*$/],
    ['mongo', /^No MongoDB: install .*$/],
    ['chromium', /^No browser: install .*$/],
    ['nginx', /^No balancer: install .*$/],
    ['compose', /^No Compose: install .*$/],
  ] as const)('says in one line what to install when there is no %s', async (service, line) => {
    vi.stubEnv('PATH', '');
    vi.stubEnv('XDG_CACHE_HOME', join(tmpdir(), 'madang-no-such-cache'));
    vi.stubEnv('PLAYWRIGHT_DOWNLOAD_HOST', 'http://127.0.0.1:9');
    await expect(findProgram(service)).rejects.toThrow(line);
  });

  it('are fetched once when several runs ask at the same time', async () => {
    const cache = await mkdtemp(join(tmpdir(), 'madang-cache-'));
    closers.push(() => rm(cache, { recursive: true, force: true }));
    vi.stubEnv('XDG_CACHE_HOME', cache);
    let fills = 0;
    const fill = async (folder: string): Promise<void> => {
      fills += 1;
      await writeFile(join(folder, 'program'), 'x');
    };
    const folders = await Promise.all([1, 2, 3].map(() => cached('thing', fill)));
    expect(fills).toBe(1);
    expect(await readFile(join(folders[2] ?? '', 'program'), 'utf8')).toBe('x');
  });

  it('are fetched again when the first try failed half-way', async () => {
    const cache = await mkdtemp(join(tmpdir(), 'madang-cache-'));
    closers.push(() => rm(cache, { recursive: true, force: true }));
    vi.stubEnv('XDG_CACHE_HOME', cache);
    await expect(cached('thing', () => Promise.reject(new Error('no network')))).rejects.toThrow(
      'no network',
    );
    await cached('thing', (folder) => writeFile(join(folder, 'program'), 'x'));
  });
});

describe('a run that is killed', () => {
  it('leaves no server behind', async () => {
    const script = `
      import { startRedis } from ${JSON.stringify(new URL('./redis.ts', import.meta.url).href)};
      const server = await startRedis();
      console.log(server.url);
      setInterval(() => undefined, 1000);
    `;
    const run = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    closers.push(() => run.kill('SIGKILL'));
    const [line] = (await once(run.stdout, 'data')) as [Buffer];
    const url = line.toString().trim();
    const client = redisClient(url);
    await client.ping();
    const gone = once(client, 'close');
    run.kill('SIGKILL');
    await gone;
    client.disconnect();
    const again = new Redis(url, { lazyConnect: true, retryStrategy: () => null });
    again.on('error', () => undefined);
    await expect(again.connect()).rejects.toThrow('closed');
  });
});
