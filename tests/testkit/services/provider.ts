import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import { Redis } from 'ioredis';
import { run } from './commands.js';
import { dropDatabases, mongoVersion, startMongo } from './mongo.js';
import { findProgram, type Program, type Service } from './programs.js';
import { redisVersion, startRedis } from './redis.js';
import type { ServerProcess } from './server-process.js';

/** What the tests of one run share: each service is found and started at most once, when first asked for. */
export interface ServiceProvider {
  /** URL of the shared Redis. */
  redis(): Promise<string>;
  /** URL of the shared MongoDB, without a database. */
  mongo(): Promise<string>;
  /** The program for servers of one's own, and the browser. */
  program(service: Service): Promise<Program>;
  /** Builds what is not built yet; path of the entry point. */
  entryPoint(): Promise<string>;
  /** Begins the name of everything that this run makes on a shared server. */
  readonly runName: string;
  /** Which servers answered, in their own words, one line each. */
  report(): readonly string[];
  /** Stops what was started and removes what this run left on servers that are not ours. */
  close(): Promise<void>;
}

export function createServiceProvider(env: Readonly<Record<string, string | undefined>>): ServiceProvider {
  const runName = `madang-test-${randomBytes(4).toString('hex')}`;
  const started: ServerProcess[] = [];
  const removals: (() => Promise<void>)[] = [];
  const lines = new Set<string>();
  const memory = new Map<string, Promise<unknown>>();

  function once<Value>(name: string, make: () => Promise<Value>): Promise<Value> {
    const known = memory.get(name) as Promise<Value> | undefined;
    if (known !== undefined) return known;
    const made = make();
    memory.set(name, made);
    return made;
  }

  const program = (service: Service): Promise<Program> =>
    once(`program ${service}`, async () => {
      const found = await findProgram(service);
      if (service === 'chromium') {
        const { output } = await run(found.command, ['--version', '--no-sandbox']);
        const version = /(?:Chromium|Google Chrome)\S* [\d.]+/.exec(output)?.[0] ?? 'Chromium';
        lines.add(`${version}, ${found.source}`);
      }
      if (service === 'nginx') {
        const { output } = await run(found.command, ['-v']);
        lines.add(`${/nginx\/[\d.]+/.exec(output)?.[0] ?? 'nginx'}, ${found.source}`);
      }
      return found;
    });

  return {
    runName,
    program,
    redis: () =>
      once('redis', async () => {
        const given = env['TEST_REDIS_URL'];
        if (given !== undefined && given !== '') {
          const version = await withRedis(given, (client) => client.info('server').then(redisVersion));
          lines.add(`${version}, TEST_REDIS_URL`);
          removals.push(() => withRedis(given, (client) => removeKeys(client, runName)));
          return given;
        }
        const found = await program('redis');
        const server = await startRedis({}, found);
        started.push(server);
        lines.add(`${server.version}, ${found.source}`);
        return server.url;
      }),
    mongo: () =>
      once('mongo', async () => {
        const given = env['TEST_MONGODB_URL'];
        if (given !== undefined && given !== '') {
          lines.add(`${await mongoVersion(given)}, TEST_MONGODB_URL`);
          removals.push(() => dropDatabases(given, runName));
          return given;
        }
        const found = await program('mongo');
        const server = await startMongo(found);
        started.push(server);
        lines.add(`${server.version}, ${found.source}`);
        return server.url('');
      }),
    entryPoint: () =>
      once('entry point', async () => {
        const { code, output } = await run(process.execPath, ['scripts/build-if-needed.js']);
        if (code !== 0) throw new Error(`The build failed:\n${output}`);
        return resolve('dist/main.js');
      }),
    report: () => [...lines],
    async close() {
      for (const remove of removals.splice(0)) await remove();
      for (const server of started.splice(0)) await server.close();
    },
  };
}

async function withRedis<Value>(url: string, work: (client: Redis) => Promise<Value>): Promise<Value> {
  const client = new Redis(url, { lazyConnect: true, retryStrategy: () => null });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await work(client);
  } finally {
    client.disconnect();
  }
}

/** Keys carry the prefix as their hash tag; nothing else on the server is touched. */
async function removeKeys(client: Redis, prefix: string): Promise<void> {
  let cursor = '0';
  do {
    const [next, keys] = await client.scan(cursor, 'MATCH', `*${prefix}*`, 'COUNT', 1000);
    if (keys.length > 0) await client.unlink(...keys);
    cursor = next;
  } while (cursor !== '0');
}
