import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mongoForTests, redisForTests } from './services/index.js';

export type Foundation = 'embedded' | 'distributed';

/** What a server of a test stands on: a folder, or a database and a key prefix of its own. */
export interface TestFoundation {
  readonly name: Foundation;
  /** Settings of every instance. */
  readonly env: Readonly<Record<string, string>>;
  dispose(): Promise<void>;
}

/** A key that signs, as `AUTH_KEYS` takes it. */
export const testKeys = (): string => `test:${randomBytes(32).toString('base64url')}`;

/**
 * Settings that keep limits out of a test that is not about limits, and a drain that does not wait. The rates
 * run the same code as always.
 */
export const GENEROUS: Readonly<Record<string, string>> = {
  RATE_LIMITS: '1000',
  MAX_SOCKETS: '20000',
  MAX_SOCKETS_PER_ADDRESS: '20000',
  DRAIN_DELAY_MS: '0',
  DRAIN_WINDOW_MS: '0',
};

/** A fresh foundation. */
export async function foundation(name: Foundation): Promise<TestFoundation> {
  return name === 'embedded' ? embedded() : distributed();
}

async function embedded(): Promise<TestFoundation> {
  const folder = await mkdtemp(join(tmpdir(), 'madang-data-'));
  return {
    name: 'embedded',
    env: { ...GENEROUS, DATA_DIR: folder },
    dispose: () => rm(folder, { recursive: true, force: true }),
  };
}

async function distributed(): Promise<TestFoundation> {
  const [mongo, redis] = await Promise.all([mongoForTests(), redisForTests()]);
  return {
    name: 'distributed',
    env: {
      ...GENEROUS,
      MONGODB_URL: mongo.url,
      REDIS_URL: redis.url,
      REDIS_PREFIX: redis.prefix,
      AUTH_KEYS: testKeys(),
    },
    async dispose() {
      await Promise.all([mongo.dispose(), redis.dispose()]);
    },
  };
}
