import { Redis } from 'ioredis';
import { expect, it, onTestFinished, vi } from 'vitest';
import { silentLogger } from '../../src/lib/logger.js';
import { systemClock } from '../../src/lib/clock.js';
import { systemIds } from '../../src/lib/ids.js';
import { createMetrics } from '../../src/lib/metrics.js';
import { createRedisPubSub } from '../../src/pubsub/pubsub.redis.js';
import { openRedis } from '../testkit/redis-connection.js';
import { redisForTests } from '../testkit/services/index.js';
import { describePubSub, messageEvent } from './pubsub.suite.js';

describePubSub('Redis', async () => {
  const { url, prefix } = await redisForTests();
  const metrics = createMetrics({ version: 'test' });
  const instances = [0, 1].map(() => {
    const redis = openRedis([url], prefix, metrics);
    const pubsub = createRedisPubSub({
      redis,
      clock: systemClock,
      ids: systemIds,
      log: silentLogger,
      metrics,
    });
    return { redis, pubsub };
  });
  return {
    here: instances[0]!.pubsub,
    there: instances[1]!.pubsub,
    async close() {
      for (const { pubsub } of instances) pubsub.stop();
      await Promise.all(instances.map(({ redis }) => redis.stop()));
    },
  };
});

it('asks Redis for what somebody listens to, and for nothing else, however often rooms are opened and closed', async () => {
  const { url, prefix } = await redisForTests();
  const metrics = createMetrics({ version: 'test' });
  const redis = openRedis([url], prefix, metrics);
  const pubsub = createRedisPubSub({ redis, clock: systemClock, ids: systemIds, log: silentLogger, metrics });
  const admin = new Redis(url);
  onTestFinished(async () => {
    pubsub.stop();
    await redis.stop();
    admin.disconnect();
  });
  const patience = { timeout: 20_000, interval: 20 };
  await vi.waitFor(() => expect(pubsub.mode()).toBe('push'), patience);
  const channels = async () => (await admin.pubsub('CHANNELS', `${prefix}:message:*`)) as string[];
  const rooms = ['a', 'b', 'c', 'd'];
  let open: { room: string; numbers: number[]; ready: Promise<void>; close: () => void }[] = [];
  for (let step = 0; step < 200; step += 1) {
    const one = open[(step * 7) % 11];
    if (one !== undefined && step % 3 !== 0) {
      one.close();
      // Twice does nothing, also when somebody else listens there meanwhile.
      if (step % 2 === 0) one.close();
      open = open.filter((each) => each !== one);
      pubsub.subscribe('message', one.room, () => undefined).close();
      if (step % 5 === 0) one.close();
    }
    const room = rooms[(step * step) % 3]!;
    const numbers: number[] = [];
    const subscription = pubsub.subscribe('message', room, ({ record }) => numbers.push(record.number));
    open.push({ room, numbers, ready: subscription.ready, close: () => subscription.close() });
    if (step % 20 === 0) await Promise.all(open.map(({ ready }) => ready));
  }
  await Promise.all(open.map(({ ready }) => ready));
  const listened = [...new Set(open.map(({ room }) => `${prefix}:message:${room}`))].toSorted();
  await vi.waitFor(async () => expect((await channels()).toSorted()).toEqual(listened), patience);
  for (const { numbers } of open) numbers.length = 0;
  for (const room of rooms) pubsub.publish('message', room, messageEvent(room, 7));
  await vi.waitFor(() => expect(open.map(({ numbers }) => numbers)).toEqual(open.map(() => [7])), patience);
  for (const { close } of open) close();
  await vi.waitFor(async () => expect(await channels()).toEqual([]), patience);
});
