import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/lib/clock.js';
import { systemIds } from '../../src/lib/ids.js';
import { silentLogger, type Logger } from '../../src/lib/logger.js';
import { createMetrics } from '../../src/lib/metrics.js';
import { createRedisPubSub } from '../../src/pubsub/pubsub.redis.js';
import { MAX_EVENT_BYTES } from '../../src/pubsub/topics.js';
import { messageEvent } from '../contract/pubsub.suite.js';
import { openRedis } from '../testkit/redis-connection.js';
import { startFaultProxy } from '../testkit/faults/proxy.js';
import { startRedis, type RedisServer } from '../testkit/services/index.js';

const PATIENCE = { timeout: 30_000, interval: 20 };
const opened: (() => unknown)[] = [];
const unhandled: unknown[] = [];
const onUnhandled = (reason: unknown) => unhandled.push(reason);

beforeEach(() => {
  unhandled.length = 0;
  process.on('unhandledRejection', onUnhandled);
});
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
  process.off('unhandledRejection', onUnhandled);
  if (unhandled.length > 0) throw new AggregateError(unhandled, 'A rejection was not handled.');
});

async function redisServer(args: readonly string[] = []): Promise<RedisServer> {
  const server = await startRedis({ args });
  opened.push(() => server.close());
  return server;
}

/** One instance of the chat's bus, with everything that it received in room `room`. */
function instance(url: string, log: Logger = silentLogger) {
  const metrics = createMetrics({ version: 'test' });
  const redis = openRedis([url], 'fault', metrics);
  const pubsub = createRedisPubSub({ redis, clock: systemClock, ids: systemIds, log, metrics });
  opened.push(
    () => redis.stop(),
    () => pubsub.stop(),
  );
  const numbers: number[] = [];
  const modes: string[] = [];
  pubsub.onMode((mode) => modes.push(mode));
  const subscription = pubsub.subscribe('message', 'room', ({ record }) => numbers.push(record.number));
  const mode = (expected: 'push' | 'polling') =>
    vi.waitFor(() => expect(pubsub.mode()).toBe(expected), PATIENCE);
  let sent = 0;
  /** Publishes a new number in `push` mode and waits until it comes back. */
  const conversation = async () => {
    await mode('push');
    sent += 1;
    pubsub.publish('message', 'room', messageEvent('room', sent));
    await vi.waitFor(() => expect(numbers).toContain(sent), PATIENCE);
  };
  return { redis, pubsub, numbers, modes, subscription, mode, conversation, metrics };
}

async function proxyTo({ port }: RedisServer) {
  const proxy = await startFaultProxy({ host: '127.0.0.1', port });
  opened.push(() => proxy.close());
  return { proxy, url: `redis://${proxy.host}:${proxy.port}` };
}

describe('the bus over a Redis in trouble', () => {
  it('begins without Redis, and works when Redis comes; who subscribed before hears everything after', async () => {
    const server = await redisServer();
    await server.kill();
    const { pubsub, redis, numbers, subscription, conversation } = instance(server.url);
    pubsub.publish('message', 'room', messageEvent('room', 99));
    pubsub.subscribe('message', 'left', () => undefined).close();
    expect([pubsub.mode(), redis.status()]).toEqual(['polling', 'degraded']);
    await server.start();
    await subscription.ready;
    await conversation();
    expect(redis.status()).toBe('ok');
    expect(numbers).toEqual([1]);
  });

  it('comes back after kills and empty restarts, with what was subscribed and left meanwhile', async () => {
    const server = await redisServer();
    const { pubsub, mode, conversation } = instance(server.url);
    for (let round = 1; round <= 3; round += 1) {
      const leaves = pubsub.subscribe('message', `leaves-${round}`, () => undefined);
      await conversation();
      await leaves.ready;
      await server.kill();
      await mode('polling');
      leaves.close();
      const heard: number[] = [];
      const joins = pubsub.subscribe('message', `joins-${round}`, ({ record }) => heard.push(record.number));
      await server.start();
      await conversation();
      await joins.ready;
      pubsub.publish('message', `joins-${round}`, messageEvent(`joins-${round}`, 5));
      await vi.waitFor(() => expect(heard).toEqual([5]), PATIENCE);
      joins.close();
    }
    const observer = new Redis(server.url);
    opened.push(() => observer.disconnect());
    await vi.waitFor(
      async () =>
        expect((await observer.pubsub('CHANNELS', 'fault:message:*')) as string[]).toEqual([
          'fault:message:room',
        ]),
      PATIENCE,
    );
  });

  it.each([
    ['for a moment', ['ok', 'degraded']],
    ['until the sockets are given up', ['degraded']],
  ])('polls while Redis is paused %s, and pushes again', async (_, statuses) => {
    const server = await redisServer();
    const { pubsub, redis, modes, mode, conversation } = instance(server.url);
    await conversation();
    modes.length = 0;
    await server.pause();
    await mode('polling');
    await vi.waitFor(() => expect(statuses).toContain(redis.status()), PATIENCE);
    const joins = pubsub.subscribe('message', 'joins', () => undefined);
    pubsub.subscribe('message', 'left', () => undefined).close();
    for (let number = 1; number <= 500; number += 1) {
      pubsub.publish('message', 'unheard', messageEvent('unheard', number));
    }
    expect(pubsub.mode()).toBe('polling');
    await server.resume();
    await conversation();
    await joins.ready;
    expect(modes).toEqual(['polling', 'push']);
  });

  it('comes back after each time that Redis ends the subscriber', async () => {
    const server = await redisServer();
    const { conversation, mode, numbers } = instance(server.url);
    const admin = new Redis(server.url);
    opened.push(() => admin.disconnect());
    for (let round = 0; round < 5; round += 1) {
      await conversation();
      await admin.client('KILL', 'TYPE', 'pubsub');
      await mode('polling');
    }
    await conversation();
    expect(numbers).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('notices a healthy connection that carries nothing, and connects anew', async () => {
    const [real, empty] = [await redisServer(), await redisServer()];
    const { proxy, url } = await proxyTo(real);
    const { redis, mode, conversation } = instance(url);
    await conversation();
    // The subscriber alone moves to a Redis on which nobody publishes.
    proxy.retarget({ host: '127.0.0.1', port: empty.port });
    redis.subscriber.disconnect(true);
    await mode('polling');
    await vi.waitFor(() => expect(redis.subscriber.status).toBe('ready'), PATIENCE);
    const admin = new Redis(empty.url);
    opened.push(() => admin.disconnect());
    await vi.waitFor(async () => {
      expect((await admin.pubsub('CHANNELS')) as string[]).toContain('fault:message:room');
    }, PATIENCE);
    proxy.retarget({ host: '127.0.0.1', port: real.port });
    await conversation();
  });

  it('notices a link that swallows everything, gives its sockets up, and pushes again when it is sound', async () => {
    const server = await redisServer();
    const { proxy, url } = await proxyTo(server);
    const { redis, mode, modes, conversation } = instance(url);
    await conversation();
    proxy.set({ blackhole: true });
    await mode('polling');
    await vi.waitFor(() => expect(redis.status()).toBe('degraded'), PATIENCE);
    proxy.heal();
    await conversation();
    expect(modes).toEqual(['push', 'polling', 'push']);
  });

  it('polls while Redis refuses its subscriptions, says so once, and hears again when it may', async () => {
    const server = await redisServer();
    const admin = new Redis(server.url);
    opened.push(() => admin.disconnect());
    await admin.call('ACL', 'SETUSER', 'chat', 'on', '>secret', '~*', '+@all', 'resetchannels');
    const warnings: unknown[] = [];
    const warn = (fields: object) => void warnings.push(Reflect.get(fields, 'err'));
    const { pubsub, redis, subscription, conversation } = instance(
      server.url.replace('redis://', 'redis://chat:secret@'),
      { ...silentLogger, warn },
    );
    await vi.waitFor(() => expect(redis.status()).toBe('ok'), PATIENCE);
    pubsub.subscribe('message', 'left', () => undefined).close();
    await vi.waitFor(async () => {
      const refused = String(await admin.call('ACL', 'LOG'));
      expect(refused).toContain('fault:message:left');
      expect(refused).toContain('fault:health');
    }, PATIENCE);
    expect(pubsub.mode()).toBe('polling');
    await vi.waitFor(
      () => expect(warnings.map(String)).toEqual([expect.stringContaining('NOPERM')]),
      PATIENCE,
    );
    await admin.call('ACL', 'SETUSER', 'chat', 'allchannels');
    await conversation();
    await subscription.ready;
  });

  it('drops and counts what this program did not make, and delivers what comes after', async () => {
    const server = await redisServer();
    const { numbers, conversation, metrics } = instance(server.url);
    await conversation();
    const admin = new Redis(server.url);
    opened.push(() => admin.disconnect());
    const poison = [
      '',
      '{',
      'null',
      '"text"',
      'x'.repeat(10_000_000),
      Buffer.from([0xff, 0xfe, 0x00]),
      JSON.stringify({ record: messageEvent('room', 2).record, previousTag: null }),
      ...[0, -1, 2 ** 53, 1.5, '1', null].map((number) => wire({ number })),
      // As long as no event is, and well formed: it is dropped before it is parsed.
      wire({}) + ' '.repeat(MAX_EVENT_BYTES),
      wire({ logId: 'other' }),
      wire({ call: 'no' }),
    ];
    for (const text of poison) await admin.publish('fault:message:room', text);
    await admin.publish('fault:roomRanking:all', '{}');
    await conversation();
    expect(numbers).toEqual([1, 2]);
    const dropped = await metrics.registry.getSingleMetricAsString('chat_bus_events_dropped_total');
    expect(dropped).toContain(`{topic="message"} ${poison.length}`);
  });

  it('stops at once, also while Redis hangs, and leaves nothing behind', async () => {
    const server = await redisServer();
    const { redis, pubsub, conversation } = instance(server.url);
    await conversation();
    await server.pause();
    pubsub.stop();
    await redis.stop();
    await vi.waitFor(
      () => expect([redis.commands.status, redis.subscriber.status]).toEqual(['end', 'end']),
      PATIENCE,
    );
    await server.resume();
  });
});

const wire = (change: Record<string, unknown>): string =>
  JSON.stringify({
    logId: 'room',
    number: 50,
    authorId: 'author',
    key: 'c:key',
    call: '0123456789abcdef',
    text: 'text',
    createdAtMs: 1,
    previousTag: 0,
    ...change,
  });
