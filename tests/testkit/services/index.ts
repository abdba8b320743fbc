import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import { DESK_VARIABLE, openDesk, visitDesk } from './desk.js';
import { dropDatabases, startMongo as startMongoWith, stepDown, type MongoServer } from './mongo.js';
import type { Service } from './programs.js';
import { createServiceProvider } from './provider.js';
import { startRedis as startRedisWith, type RedisOptions, type RedisServer } from './redis.js';

export { withDriverRetries, type MongoServer } from './mongo.js';
export type { RedisOptions, RedisServer } from './redis.js';

/** A part of the shared Redis that nobody else uses. */
export interface TestRedis {
  readonly url: string;
  /** For `REDIS_PREFIX`. */
  readonly prefix: string;
  /** Removes its keys. What is not disposed of goes when the run ends. */
  dispose(): Promise<void>;
}

/** A database of its own on the shared MongoDB. */
export interface TestMongo {
  /** Names the database too: for `MONGODB_URL`. */
  readonly url: string;
  readonly database: string;
  /** Drops the database. What is not disposed of goes when the run ends. */
  dispose(): Promise<void>;
}

let alone: Promise<string> | undefined;

/** The run's desk; outside a test run, one that this process opens and that ends with it. */
async function desk() {
  alone ??= Promise.resolve(
    process.env[DESK_VARIABLE] ?? openDesk(createServiceProvider(process.env)).then(({ url }) => url),
  );
  return visitDesk(await alone);
}

const unique = async (): Promise<string> =>
  `${await (await desk()).runName()}-${randomBytes(5).toString('hex')}`;

/** A fresh key prefix on the Redis that all tests share. Never pause or kill that one: `startRedis` is for that. */
export async function redisForTests(): Promise<TestRedis> {
  const url = await (await desk()).redis();
  const prefix = await unique();
  return {
    url,
    prefix,
    async dispose() {
      const client = new Redis(url);
      try {
        const keys = await client.keys(`*${prefix}*`);
        if (keys.length > 0) await client.unlink(...keys);
      } finally {
        client.disconnect();
      }
    },
  };
}

/** A fresh database on the MongoDB that all tests share. Never pause or kill that one: `startMongo` is for that. */
export async function mongoForTests(): Promise<TestMongo> {
  const database = await unique();
  const url = withDatabase(await (await desk()).mongo(), database);
  return { url, database, dispose: () => dropDatabases(url, database) };
}

/** Not by `URL`: that one knows no list of hosts. */
const withDatabase = (url: string, database: string): string =>
  url.replace(/^(mongodb(?:\+srv)?:\/\/[^/?]+)(?:\/[^?]*)?(\?.*)?$/, `$1/${database}$2`);

/** A Redis of one's own, to be killed, paused and started again. Close it. */
export const startRedis = async (options: RedisOptions = {}): Promise<RedisServer> =>
  startRedisWith(options, await (await desk()).program('redis'));

/** A MongoDB of one's own, to be killed, paused and started again. Close it. */
export const startMongo = async (): Promise<MongoServer> =>
  startMongoWith(await (await desk()).program('mongo'));

/** The same, and its primary steps down for so many seconds when it is told to. Slower. */
export async function startSteppingMongo(): Promise<
  MongoServer & { stepDown(seconds: number): Promise<void> }
> {
  const server = await startMongoWith(await (await desk()).program('stepping-mongo'));
  return { ...server, stepDown: (seconds) => stepDown(server.port, seconds) };
}

/** Path of a program that tests run themselves. @throws Error with one line that says what to install. */
export const programPath = async (service: Service): Promise<string> =>
  (await (await desk()).program(service)).command;

/** Path of a Chromium. */
export const chromium = (): Promise<string> => programPath('chromium');

/** Path of the built server; builds it first when a source is newer. */
export const builtEntryPoint = async (): Promise<string> => (await desk()).entryPoint();
