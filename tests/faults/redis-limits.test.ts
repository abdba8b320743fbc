import { afterEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/lib/clock.js';
import { silentLogger } from '../../src/lib/logger.js';
import { createMetrics } from '../../src/lib/metrics.js';
import { createRedisRateLimits } from '../../src/limits/rate-limits.redis.js';
import { openRedis } from '../testkit/redis-connection.js';
import { startRedis } from '../testkit/services/index.js';

const PATIENCE = { timeout: 30_000, interval: 20 };
const opened: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

async function world() {
  const server = await startRedis();
  opened.push(() => server.close());
  const instances = [0, 1].map(() => {
    const metrics = createMetrics({ version: 'test' });
    const redis = openRedis([server.url], 'fault', metrics);
    const options = { factor: 1, maxSocketsPerAddress: 50, metrics };
    const limits = createRedisRateLimits({ ...options, redis, clock: systemClock, log: silentLogger });
    opened.push(
      () => redis.stop(),
      () => limits.stop(),
    );
    return { redis, limits };
  });
  const ready = () =>
    vi.waitFor(() => expect(instances.map(({ redis }) => redis.status())).toEqual(['ok', 'ok']), PATIENCE);
  /** How many of 20 tries at once each instance allows. */
  const allowed = async (key: string) =>
    Promise.all(
      instances.map(async ({ limits }) => {
        const tries = Array.from({ length: 20 }, () => limits.consume('createRoomPerVisitor', key));
        return (await Promise.all(tries)).filter((wait) => wait === null).length;
      }),
    );
  let round = 0;
  /** Waits until all instances count together: three rooms in all instead of three each. */
  const together = () =>
    vi.waitFor(async () => {
      round += 1;
      const [first = 0, second = 0] = await allowed(`together-${round}`);
      expect(first + second).toBe(3);
    }, PATIENCE);
  return { server, ready, allowed, together };
}

describe('rate limits over a Redis in trouble', () => {
  it.each(['paused', 'killed'])(
    'count per instance while Redis is %s, and together again afterwards',
    async (how) => {
      const { server, ready, allowed, together } = await world();
      await ready();
      await together();
      await (how === 'paused' ? server.pause() : server.kill());
      expect(await allowed('alone')).toEqual([3, 3]);
      expect(await allowed('alone')).toEqual([0, 0]);
      await (how === 'paused' ? server.resume() : server.start());
      await together();
    },
  );

  it('count per instance from the start when Redis is not there yet', async () => {
    const { server, allowed, together } = await world();
    await server.kill();
    expect(await allowed('early')).toEqual([3, 3]);
    await server.start();
    await together();
  });

  it('count per instance while Redis refuses to write', async () => {
    const { server, ready, allowed } = await world();
    await ready();
    const admin = openRedis([server.url], 'admin');
    opened.push(() => admin.stop());
    await vi.waitFor(() => expect(admin.status()).toBe('ok'), PATIENCE);
    await admin.commands.config('SET', 'maxmemory', '1');
    expect(await allowed('full')).toEqual([3, 3]);
  });
});
