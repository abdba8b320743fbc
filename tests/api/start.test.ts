import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createApp } from '../../src/app.js';
import { loadConfig } from '../../src/config.js';
import { systemClock, type Clock } from '../../src/lib/clock.js';
import { silentLogger } from '../../src/lib/logger.js';
import { readFigures } from '../faults/figures.js';
import { GENEROUS, testKeys } from '../testkit/foundation.js';
import { startRedisCluster } from '../testkit/redis-cluster.js';
import { spawnServer, startServerChild } from '../testkit/server-child.js';
import { builtEntryPoint, mongoForTests, startRedis } from '../testkit/services/index.js';

const run = promisify(execFile);

const PATIENCE = { timeout: 30_000, interval: 50 };

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function dataDir(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'madang-start-'));
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function portInUse(): Promise<string> {
  const other = createServer();
  cleanups.push(() => other.close());
  other.listen(0, '127.0.0.1');
  await once(other, 'listening');
  const address = other.address();
  return String(typeof address === 'object' && address !== null ? address.port : 0);
}

/** Starts a server that must refuse; what it said. */
async function refusal(env: Readonly<Record<string, string>>): Promise<string> {
  const server = await spawnServer({ env: { DATA_DIR: await dataDir(), ...env } });
  await expect(server.exited()).resolves.toEqual({ code: 1, signal: null });
  expect(server.output()).not.toMatch(/\n\s+at /);
  return server.output();
}

describe('a server that cannot start says why in words, and exits with 1', () => {
  it('names every wrong setting at once', async () => {
    const words = await refusal({
      PORT: 'eighty',
      LOG_LEVEL: 'loud',
      MAX_MESSAGE_LENGTH: '4001',
      REDIS_URL: 'redis://x',
    });
    for (const name of ['PORT', 'LOG_LEVEL', 'MAX_MESSAGE_LENGTH', 'REDIS_URL'])
      expect(words).toContain(name);
  });

  it('never shows a secret', async () => {
    const words = await refusal({ AUTH_KEYS: 'main:c2VjcmV0LXNlY3JldA' });
    expect(words).toContain('AUTH_KEYS');
    expect(words).not.toContain('c2VjcmV0');
  });

  it('names a port in use', async () => {
    const port = await portInUse();
    await expect(refusal({ PORT: port })).resolves.toContain(`PORT ${port}`);
  });

  it('names a data folder in use by another server, which goes on', async () => {
    const folder = await dataDir();
    const first = await startServerChild({ env: { ...GENEROUS, DATA_DIR: folder } });
    cleanups.push(() => first.stop('SIGINT'));
    await expect(refusal({ DATA_DIR: folder })).resolves.toContain(folder);
    await expect(fetch(`${first.url()}/readyz`)).resolves.toMatchObject({ status: 200 });
  });

  it.each([
    ['that is a file', (file: string) => file],
    ['below a file', (file: string) => join(file, 'data')],
    ['where none can be made', () => '/proc/madang/data'],
  ])('names a data folder that cannot be written to: one %s', async (_, folderOf) => {
    const file = join(await dataDir(), 'file');
    await writeFile(file, 'not a folder');
    const folder = folderOf(file);
    await expect(refusal({ DATA_DIR: folder })).resolves.toContain(`DATA_DIR ${folder}`);
    await expect(refusal({ DATA_DIR: folder, AUTH_KEYS: testKeys() })).resolves.toContain('DATA_DIR');
  });

  it('asks for keys with MongoDB', async () => {
    await expect(refusal({ MONGODB_URL: 'mongodb://127.0.0.1:1/madang' })).resolves.toContain('AUTH_KEYS');
  });

  it('refuses a Redis that evicts, with the words to mend it', async () => {
    const mongo = await mongoForTests();
    const redis = await startRedis({ args: ['--maxmemory', '64mb', '--maxmemory-policy', 'allkeys-lru'] });
    cleanups.push(
      () => mongo.dispose(),
      () => redis.stop(),
    );
    const words = await refusal({ MONGODB_URL: mongo.url, REDIS_URL: redis.url, AUTH_KEYS: testKeys() });
    expect(words).toContain('maxmemory-policy noeviction');
  });

  it('refuses one node of a Redis Cluster, which has other keys than ours, and takes it when it is listed twice', async () => {
    const mongo = await mongoForTests();
    const cluster = await startRedisCluster({ masters: 2, key: '{madang}:meta' });
    cleanups.push(
      () => mongo.dispose(),
      () => cluster.close(),
    );
    const other = cluster.urls.find((url) => url !== cluster.holder.url) ?? '';
    const env = { ...GENEROUS, MONGODB_URL: mongo.url, AUTH_KEYS: testKeys(), RANKING_INTERVAL_MS: '100' };
    const words = await refusal({ ...env, REDIS_URL: other });
    expect(words).toMatch(/REDIS_URL: .*one node of a Redis Cluster/);
    const server = await startServerChild({ env: { ...env, REDIS_URL: `${other},${other}` } });
    cleanups.push(() => server.stop('SIGINT'));
    await vi.waitFor(() => expect(server.output()).toContain('filled the presence store'), PATIENCE);
  });

  it('refuses a second instance on one MongoDB without Redis, and lets the first be replaced', async () => {
    const mongo = await mongoForTests();
    const env = { ...GENEROUS, MONGODB_URL: mongo.url, AUTH_KEYS: testKeys() };
    const first = await startServerChild({ env });
    cleanups.push(
      () => mongo.dispose(),
      () => first.stop('SIGINT'),
    );
    await expect(refusal(env)).resolves.toContain('REDIS_URL');
    await first.kill();
    const second = await startServerChild({ env });
    cleanups.push(() => second.stop('SIGINT'));
    await expect(fetch(`${second.url()}/readyz`)).resolves.toMatchObject({ status: 200 });
  });
});

describe('a start that fails within the process of somebody else', () => {
  it('leaves no timer behind', async () => {
    const timers = new Set<() => void>();
    const clock: Clock = {
      ...systemClock,
      after(ms, callback) {
        const cancel = systemClock.after(ms, () => {
          timers.delete(callback);
          callback();
        });
        timers.add(callback);
        return () => {
          timers.delete(callback);
          cancel();
        };
      },
    };
    const config = loadConfig({ DATA_DIR: await dataDir(), PORT: await portInUse() });
    const app = createApp(config, { log: silentLogger, clock });
    await expect(app.start()).rejects.toThrow('is in use');
    // What nobody waits for any more ends by itself.
    await vi.waitFor(() => expect([...timers].map(String)).toEqual([]), { timeout: 20_000 });
  });
});

describe('the base path of a chat within the server of somebody else', () => {
  it.each(['/chat', '/chat/'])('%s is written as BASE_PATH is', async (basePath) => {
    const server = createServer();
    cleanups.push(() => server.close());
    const config = loadConfig({ DATA_DIR: await dataDir() });
    const app = createApp(config, { log: silentLogger, server, basePath });
    cleanups.push(() => app.stop({ hurry: true }));
    await app.start();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    expect(app.url).toBe('/chat');
    expect((await fetch(`http://127.0.0.1:${port}${app.url}/livez`)).status).toBe(200);
  });

  it('that is none is refused with words', async () => {
    const config = loadConfig({ DATA_DIR: await dataDir() });
    const made = () => createApp(config, { log: silentLogger, server: createServer(), basePath: 'chat' });
    expect(made).toThrow('basePath must be a path such as /chat');
  });
});

describe('a chat whose start failed', () => {
  it('has nobody to send away when it is stopped', async () => {
    const env = { DATA_DIR: await dataDir(), PORT: await portInUse(), DRAIN_DELAY_MS: '120000' };
    const info = vi.fn();
    const app = createApp(loadConfig(env), { log: { ...silentLogger, info } });
    await expect(app.start()).rejects.toThrow('is in use');
    await app.stop();
    expect(
      info.mock.calls.map(([, words]) => String(words)).filter((words) => words.includes('drain')),
    ).toEqual([]);
  });
});

describe('a server that is told to end while it is loaded', () => {
  it.each(['SIGTERM', 'SIGINT'])('%s: ends in order', async (signal) => {
    const tell = `setImmediate(()=>process.kill(process.pid,'${signal}'))`;
    const preload = `data:text/javascript,process.on('newListener',(name)=>name==='SIGHUP'&&${tell})`;
    const env = { DATA_DIR: await dataDir(), NODE_OPTIONS: `--import ${preload}` };
    const server = await spawnServer({ env });
    expect(await server.exited()).toEqual({ code: 0, signal: null });
    expect(server.output()).not.toContain('Madang is ready');
  });
});

describe('a chat that was stopped', () => {
  it('does not start any more, and leaves its folder to the next', async () => {
    const config = loadConfig({ DATA_DIR: await dataDir(), PORT: '0' });
    const stopped = createApp(config, { log: silentLogger });
    await stopped.stop();
    await expect(stopped.start()).rejects.toThrow('stopped');
    const next = createApp(config, { log: silentLogger });
    await next.start();
    await next.stop({ hurry: true });
  });
});

describe('the embedded mode', () => {
  it('makes its folder and its key once, for its owner alone, and keeps tokens good over a restart', async () => {
    const folder = join(await dataDir(), 'new', 'data');
    const server = await startServerChild({ env: { ...GENEROUS, DATA_DIR: folder } });
    cleanups.push(() => server.stop('SIGINT'));
    const permissions = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;
    await expect(permissions(folder)).resolves.toBe(0o700);
    await expect(permissions(join(folder, 'auth.key'))).resolves.toBe(0o600);
    const key = await readFile(join(folder, 'auth.key'), 'utf8');
    await expect(server.stop('SIGTERM')).resolves.toEqual({ code: 0, signal: null });
    await server.restart();
    await expect(readFile(join(folder, 'auth.key'), 'utf8')).resolves.toBe(key);
  });
});

describe('a first start on a full disk', () => {
  it('leaves nothing behind that the next one stumbles over', async () => {
    const folder = await dataDir();
    const env = { PATH: process.env['PATH'], DATA_DIR: folder, PORT: '0' };
    const full = ['-c', 'ulimit -f 0; exec "$0" "$@"', process.execPath, await builtEntryPoint()];
    await expect(run('bash', full, { env })).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`DATA_DIR ${folder}`),
    });
    expect(await readdir(folder)).toEqual([]);
    const server = await startServerChild({ env: { ...GENEROUS, DATA_DIR: folder } });
    await server.stop('SIGINT');
  });
});

describe('a server without Redis', () => {
  it('counts its bus as one that pushes: nothing is missing', async () => {
    const env = { ...GENEROUS, DATA_DIR: await dataDir(), METRICS_PORT: '0' };
    const server = await startServerChild({ env });
    cleanups.push(() => server.stop('SIGINT'));
    await expect.poll(server.output, { timeout: 30_000 }).toContain('Madang is ready');
    const figures = await readFigures(server);
    expect(figures('chat_bus_mode', 'mode="push"')).toBe(1);
    expect(figures('chat_bus_mode', 'mode="polling"')).toBe(0);
  });
});

describe('RATE_LIMITS', () => {
  const WARNING = 'rate limits are not as delivered';
  it.each(['off', '1000', 'on'])('%s: a start warns unless they are as delivered', async (limits) => {
    const env = { ...GENEROUS, DATA_DIR: await dataDir(), RATE_LIMITS: limits };
    const server = await startServerChild({ env });
    await server.stop('SIGINT');
    const warnings = server
      .output()
      .split('\n')
      .filter((line) => line.includes('"level":"warn"') && line.includes(WARNING));
    expect(warnings).toHaveLength(limits === 'on' ? 0 : 1);
  });
});

describe('BASE_PATH', () => {
  it('puts every address below it, with or without its final slash, and nothing outside', async () => {
    const server = await spawnServer({
      env: { ...GENEROUS, DATA_DIR: await dataDir(), BASE_PATH: '/chat/' },
    });
    cleanups.push(() => server.stop('SIGINT'));
    const root = await server.listening();
    const status = async (path: string): Promise<number> =>
      (await fetch(`${root}${path}`, { redirect: 'manual' })).status;
    for (const path of ['/chat/readyz', '/chat/livez', '/chat/schema.graphql', '/chat/client']) {
      await expect(status(path)).resolves.toBe(200);
    }
    await expect(status('/chat/graphql?query={__typename}')).resolves.toBe(200);
    const [, check = ''] = /^HEALTHCHECK .*\n +CMD (.*)$/m.exec(await readFile('Dockerfile', 'utf8')) ?? [];
    const [program = '', ...args] = JSON.parse(check) as string[];
    const healthy = run(program, args, {
      env: { PATH: process.env['PATH'], PORT: new URL(root).port, BASE_PATH: '/chat/' },
    });
    await expect(healthy).resolves.toBeDefined();
    for (const path of ['/', '/readyz', '/graphql', '/chatter/readyz'])
      await expect(status(path)).resolves.toBe(404);
    const home = await fetch(`${root}/chat`, { redirect: 'manual' });
    expect(home.headers.get('location')).toBe('/chat/client');
  });
});
