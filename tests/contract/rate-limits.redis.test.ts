import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { type Clock, systemClock } from '../../src/lib/clock.js';
import { silentLogger } from '../../src/lib/logger.js';
import { createMetrics } from '../../src/lib/metrics.js';
import type { RateLimit, RateLimits } from '../../src/limits/rate-limits.js';
import { createRedisRateLimits } from '../../src/limits/rate-limits.redis.js';
import { openRedis } from '../testkit/redis-connection.js';
import { redisForTests } from '../testkit/services/index.js';
import { type OpenRateLimits, describeRateLimits } from './rate-limits.suite.js';

/** On which Redis is never too slow to be waited for: instances that give it up count more, each for itself. */
const patient: Clock = { ...systemClock, after: () => () => undefined };

/** Opens instances that share one prefix of the tests' Redis. */
async function sharedWorld(): Promise<OpenRateLimits> {
  const { url, prefix } = await redisForTests();
  return async (options) => {
    const redis = openRedis([url], prefix, options.metrics);
    await vi.waitFor(() => expect(redis.status()).toBe('ok'), { timeout: 20_000 });
    const limits = createRedisRateLimits({ ...options, redis, clock: patient, log: silentLogger });
    return {
      limits,
      async close() {
        limits.stop();
        await redis.stop();
      },
    };
  };
}

describeRateLimits('Redis', async (options) => (await sharedWorld())(options));

describe('limits over several instances', () => {
  const metrics = createMetrics({ version: 'test' });
  const options = { factor: 20, maxSocketsPerAddress: 50, metrics };
  let instances: { limits: RateLimits; close(): Promise<void> }[] = [];
  beforeEach(async () => {
    const open = await sharedWorld();
    instances = await Promise.all([open(options), open(options), open(options)]);
  });
  afterEach(async () => {
    await Promise.all(instances.map((instance) => instance.close()));
  });
  /** One more instance, whose Redis the test may look into. */
  const openWatched = async () => {
    const { url, prefix } = await redisForTests();
    const admin = new Redis(url);
    const redis = openRedis([url], prefix, metrics);
    const limits = createRedisRateLimits({ ...options, redis, clock: patient, log: silentLogger });
    onTestFinished(async () => {
      limits.stop();
      await redis.stop();
      admin.disconnect();
    });
    await vi.waitFor(() => expect(redis.status()).toBe('ok'), { timeout: 20_000 });
    return { admin, redis, limits };
  };
  const allowedOf = async (limit: RateLimit, tries: number) => {
    const waits = await Promise.all(
      instances.flatMap(({ limits }) => Array.from({ length: tries }, () => limits.consume(limit, 'key'))),
    );
    return waits.filter((wait) => wait === null).length;
  };

  it('count together: ten times the limit, spread over three instances, gives the limit', async () => {
    expect(await allowedOf('createRoomPerVisitor', 200)).toBe(60);
  });

  it('of several budgets are asked together, and each for as long as its window lasts', async () => {
    const { admin, redis, limits } = await openWatched();
    const sent = vi.spyOn(redis.commands, 'sendCommand');
    const wait = await limits.consumeAll([
      { limit: 'createVisitorPerAddress', key: 'address' },
      { limit: 'createRoomPerVisitor', key: 'visitor' },
    ]);
    expect([wait, sent.mock.calls.length]).toEqual([null, 1]);
    const keys = ['createVisitorPerAddress-0:address', 'createRoomPerVisitor-0:visitor'].map((name) =>
      redis.key(`limit:${name}`),
    );
    expect(await admin.mget(keys)).toEqual(['1', '1']);
    for (const key of keys) expect(await admin.pttl(key)).toBeGreaterThan(0);
  });

  it('of all callers that come at a time are asked together, and who is over one takes nothing of what lies behind it', async () => {
    const { admin, redis, limits } = await openWatched();
    const consumeBoth = (visitor: string) =>
      limits.consumeAll([
        { limit: 'createRoomPerVisitor', key: visitor },
        { limit: 'createVisitorPerAddress', key: 'address' },
      ]);
    await admin.set(redis.key('limit:createRoomPerVisitor-0:second'), '1000', 'PX', 30_000);
    const sent = vi.spyOn(redis.commands, 'sendCommand');
    const [first, second, third] = await Promise.all(['first', 'second', 'third'].map(consumeBoth));
    expect([first, third, sent.mock.calls.length]).toEqual([null, null, 1]);
    expect(second).toBeGreaterThan(0);
    expect(await admin.get(redis.key('limit:createVisitorPerAddress-0:address'))).toBe('2');
  });

  it('are asked for 100 callers with one command', async () => {
    const { redis, limits } = await openWatched();
    const sent = vi.spyOn(redis.commands, 'sendCommand');
    const visitors = Array.from({ length: 101 }, (_, index) => `visitor ${index}`);
    const waits = await Promise.all(visitors.map((key) => limits.consume('createRoomPerVisitor', key)));
    expect([waits.every((wait) => wait === null), sent.mock.calls.length]).toEqual([true, 2]);
  });

  it('end when their window does, however often they are asked, and who is refused costs Redis nothing until then', async () => {
    const { admin, redis, limits } = await openWatched();
    const key = redis.key('limit:createRoomPerVisitor-0:visitor');
    const consume = (points: number) => limits.consume('createRoomPerVisitor', 'visitor', points);
    expect(await consume(1)).toBeNull();
    await admin.pexpire(key, 40_000);
    expect(await consume(1)).toBeNull();
    expect(await admin.pttl(key)).toBeLessThanOrEqual(40_000);
    expect(await consume(1000)).toBeLessThanOrEqual(40_000);
    const sent = vi.spyOn(redis.commands, 'sendCommand');
    expect(await consume(1)).toBeLessThanOrEqual(40_000);
    expect(
      await limits.consumeAll([
        { limit: 'createRoomPerVisitor', key: 'visitor' },
        { limit: 'createVisitorPerAddress', key: 'address' },
      ]),
    ).toBeGreaterThan(0);
    expect(sent).not.toHaveBeenCalled();
  });

  it("last no longer than their windows when Redis' clock was set back", async () => {
    const { admin, redis, limits } = await openWatched();
    const key = redis.key('limit:createRoomPerVisitor-0:visitor');
    // As what was to end in a minute looks once the clock is an hour behind.
    await admin.set(key, '1000', 'PX', 3_660_000);
    const wait = await limits.consume('createRoomPerVisitor', 'visitor');
    expect(wait).toBeGreaterThan(0);
    expect(wait).toBeLessThanOrEqual(60_000);
    expect(await admin.pttl(key)).toBeLessThanOrEqual(60_000);
  });

  it("forget whom they refuse without asking when the instance's clock was set back", async () => {
    const { admin, redis, limits } = await openWatched();
    const consume = (points?: number) => limits.consume('createRoomPerVisitor', 'visitor', points);
    expect(await consume(1000)).toBeGreaterThan(0);
    // As when its window ends, an hour before this machine's clock says so.
    await admin.del(redis.key('limit:createRoomPerVisitor-0:visitor'));
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 3_600_000 });
    onTestFinished(() => void vi.useRealTimers());
    expect(await consume()).toBe(60_000);
    expect(await consume()).toBeNull();
  });

  it('count each for itself what is about one instance', async () => {
    const { redis, limits } = await openWatched();
    const sent = vi.spyOn(redis.commands, 'sendCommand');
    expect(await limits.consume('upgradePerInstance', 'all')).toBeNull();
    expect(sent).not.toHaveBeenCalled();
  });
});
