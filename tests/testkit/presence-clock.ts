import { once } from 'node:events';
import { Redis } from 'ioredis';
import { presenceScript } from '../../src/presence/presence-store.redis.js';
import type { RedisConnection } from '../../src/redis/connection.js';
import { openRedis } from './redis-connection.js';

const REAL = "local time = redis.call('TIME')";
/** A field of the script's own hash, so that the script touches no key that it does not declare. */
const MANUAL =
  "local time = { math.floor(redis.call('HGET', META, 'testNow') / 1000), (redis.call('HGET', META, 'testNow') % 1000) * 1000 }";

/** A connection for tests of what is answered: its commands have time, however busy the machine is. */
export async function patientRedis({
  url,
  prefix,
}: {
  readonly url: string;
  readonly prefix: string;
}): Promise<RedisConnection> {
  const connection = openRedis([url], prefix);
  const commands = new Redis(url);
  await once(commands, 'ready');
  return {
    ...connection,
    commands,
    async stop() {
      commands.disconnect();
      await connection.stop();
    },
  };
}

/** The script of presence on a clock that the test moves, and that clock. */
export async function onTestClock(redis: RedisConnection, startMs = Date.UTC(2026, 0, 31, 9, 30)) {
  const shipped = presenceScript();
  const script = shipped.replace(REAL, MANUAL);
  if (script === shipped) throw new Error('The script does not read its clock as this test expects.');
  let now = startMs;
  const set = async (): Promise<void> => void (await redis.commands.hset(redis.key('meta'), 'testNow', now));
  await set();
  return {
    script,
    now: () => now,
    async advance(ms: number) {
      now += ms;
      await set();
    },
    /** Sets the clock again, after a Redis that forgot. */
    restore: set,
  };
}
