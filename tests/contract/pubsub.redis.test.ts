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

const PATIENCE = { timeout: 20_000, interval: 20 };

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
  await vi.waitFor(() => expect(pubsub.mode()).toBe('push'), PATIENCE);
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
  await vi.waitFor(async () => expect((await channels()).toSorted()).toEqual(listened), PATIENCE);
  for (const { numbers } of open) numbers.length = 0;
  for (const room of rooms) pubsub.publish('message', room, messageEvent(room, 7));
  await vi.waitFor(() => expect(open.map(({ numbers }) => numbers)).toEqual(open.map(() => [7])), PATIENCE);
  for (const { close } of open) close();
  await vi.waitFor(async () => expect(await channels()).toEqual([]), PATIENCE);
});

/** What is published on a channel of room `a`, read by a connection beside, and who publishes there. */
async function watched() {
  const { url, prefix } = await redisForTests();
  const metrics = createMetrics({ version: 'test' });
  const redis = openRedis([url], prefix, metrics);
  const pubsub = createRedisPubSub({ redis, clock: systemClock, ids: systemIds, log: silentLogger, metrics });
  const [admin, ear] = [new Redis(url), new Redis(url)];
  onTestFinished(async () => {
    pubsub.stop();
    await redis.stop();
    admin.disconnect();
    ear.disconnect();
  });
  const channel = `${prefix}:message:a`;
  const messages: string[] = [];
  ear.on('message', (_channel, message: string) => messages.push(message));
  await ear.subscribe(channel);
  await vi.waitFor(() => expect(pubsub.mode()).toBe('push'), PATIENCE);
  const numbers: number[] = [];
  const subscription = pubsub.subscribe('message', 'a', ({ record }) => numbers.push(record.number));
  await subscription.ready;
  const dropped = async () => (await metrics.busEventsDropped.get()).values;
  return { admin, pubsub, channel, messages, numbers, dropped };
}

it('sends the events of one moment in one message, in order, and in more where they do not fit', async () => {
  const { pubsub, messages, numbers } = await watched();
  const all = Array.from({ length: 40 }, (_, index) => index + 1);
  const event = (number: number, text: string) => {
    const made = messageEvent('a', number);
    return { ...made, record: { ...made.record, text } };
  };
  for (const number of all) pubsub.publish('message', 'a', event(number, 'short'));
  await vi.waitFor(() => expect(numbers).toEqual(all), PATIENCE);
  await vi.waitFor(() => expect(messages).toHaveLength(1), PATIENCE);
  for (const number of all) pubsub.publish('message', 'a', event(number, '한'.repeat(4000)));
  await vi.waitFor(() => expect(numbers).toEqual([...all, ...all]), PATIENCE);
  const events = () => messages.slice(1).map((message) => message.split('\n').length);
  await vi.waitFor(() => expect(events()).toEqual(Array(8).fill(5)), PATIENCE);
});

it('drops of a message only the events that this program did not make', async () => {
  const { admin, pubsub, channel, messages, numbers, dropped } = await watched();
  pubsub.publish('message', 'a', messageEvent('a', 1));
  await vi.waitFor(() => expect(numbers).toEqual([1]), PATIENCE);
  await vi.waitFor(() => expect(messages).toHaveLength(1), PATIENCE);
  const [good = ''] = messages;
  await admin.publish(channel, Buffer.from(`${good}\n{}\n\n${good}\n`));
  await admin.publish(channel, Buffer.concat([Buffer.from(`${good}\n`), Buffer.from([0xff])]));
  await admin.publish(channel, `${good}\n`.repeat(1000));
  pubsub.publish('message', 'a', messageEvent('a', 2));
  await vi.waitFor(() => expect(numbers).toEqual([1, 1, 1, 1, 2]), PATIENCE);
  expect(await dropped()).toContainEqual({ labels: { topic: 'message' }, value: 5 });
});

it('gives what an instance published to its own listeners as it was, however much of it got lost', async () => {
  const { pubsub, messages, channel, admin } = await watched();
  const heard: unknown[] = [];
  const subscription = pubsub.subscribe('message', 'a', (event) => heard.push(event));
  onTestFinished(() => subscription.close());
  const event = messageEvent('a', 1);
  pubsub.publish('message', 'a', event);
  await vi.waitFor(() => expect(heard).toHaveLength(1), PATIENCE);
  expect(heard[0]).toBe(event);
  const [text = ''] = messages;
  await admin.publish(channel, text);
  await vi.waitFor(() => expect(heard).toHaveLength(2), PATIENCE);
  expect(heard[1]).not.toBe(event);
  expect(heard[1]).toEqual(event);
  const many = Array.from({ length: 300 }, (_, index) => messageEvent('a', index + 2));
  for (const one of many) pubsub.publish('message', 'a', one);
  await vi.waitFor(() => expect(heard.slice(2)).toEqual(many), PATIENCE);
});
