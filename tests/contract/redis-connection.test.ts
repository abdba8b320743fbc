import { setTimeout } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Redis } from 'ioredis';
import { type Clock, systemClock } from '../../src/lib/clock.js';
import { systemIds } from '../../src/lib/ids.js';
import { type Logger, silentLogger } from '../../src/lib/logger.js';
import { createLogger } from '../../src/lib/logger.pino.js';
import { createMetrics } from '../../src/lib/metrics.js';
import { createRedisRateLimits } from '../../src/limits/rate-limits.redis.js';
import { createRedisPubSub } from '../../src/pubsub/pubsub.redis.js';
import { connectRedis } from '../../src/redis/connection.js';
import { startFaultProxy } from '../testkit/faults/proxy.js';
import { startRedisCluster } from '../testkit/redis-cluster.js';
import { startRedis } from '../testkit/services/index.js';
import { messageEvent } from './pubsub.suite.js';

const PATIENCE = { timeout: 30_000, interval: 20 };
const HASH_SLOTS = 16_384;
const opened: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

const server = async (args: readonly string[] = []) => {
  const started = await startRedis({ args });
  opened.push(() => started.close());
  return started;
};
const connect = (
  urls: readonly string[],
  log: Logger = silentLogger,
  clock: Pick<Clock, 'monotonic'> = systemClock,
) => {
  const metrics = createMetrics({ version: 'test' });
  const redis = connectRedis({ urls, prefix: 'test', clock, log, metrics });
  opened.push(() => redis.stop());
  return { redis, metrics };
};
const adminOf = (url: string) => {
  const admin = new Redis(url);
  opened.push(() => admin.disconnect());
  return admin;
};
const connected = (redis: ReturnType<typeof connectRedis>) =>
  vi.waitFor(() => expect(redis.status()).toBe('ok'), PATIENCE);

describe('connectRedis', () => {
  it('begins degraded, says so once, and connects when Redis comes', async () => {
    const { url, kill, start } = await server();
    await kill();
    const lines: string[] = [];
    const note = (_: object, message: string) => void lines.push(message);
    const { redis, metrics } = connect([url], { ...silentLogger, info: note, warn: note });
    await vi.waitFor(() => expect(lines).toHaveLength(1), PATIENCE);
    expect(redis.status()).toBe('degraded');
    expect(await metrics.registry.getSingleMetricAsString('chat_redis_up')).toContain('chat_redis_up 0');
    await expect(redis.commands.get('key')).rejects.toThrow(Error);
    await start();
    await connected(redis);
    expect(await metrics.registry.getSingleMetricAsString('chat_redis_up')).toContain('chat_redis_up 1');
    expect(lines).toEqual(['Redis is away; the chat goes on without it', 'Redis is connected']);
  });

  it('fails a command that Redis does not answer', async () => {
    const { url, pause, resume } = await server();
    const { redis } = connect([url]);
    await connected(redis);
    await pause();
    await expect(redis.commands.get('key')).rejects.toThrow(Error);
    await resume();
    await connected(redis);
  });

  it('keeps the connection that follows one which broke with a command under way', async () => {
    const { hostname: host, port } = new URL((await server()).url);
    const proxy = await startFaultProxy({ host, port: Number(port) });
    opened.push(() => proxy.close());
    const { redis } = connect([`redis://${proxy.host}:${proxy.port}`]);
    await connected(redis);
    proxy.set({ blackhole: true });
    const asked = redis.commands.get('key');
    proxy.reset();
    proxy.heal();
    await expect(asked).rejects.toThrow(Error);
    await connected(redis);
    let closed = 0;
    redis.commands.on('close', () => (closed += 1));
    // Longer than a socket may owe an answer.
    await setTimeout(2500);
    expect(closed).toBe(0);
  });

  it('never shows a password', async () => {
    const { url } = await server();
    const seen: string[] = [];
    const log = createLogger({
      level: 'trace',
      format: 'json',
      destination: { write: (line) => void seen.push(line) },
    });
    const admin = adminOf(url);
    await admin.call('ACL', 'SETUSER', 'default', 'resetpass', '>right');
    const { redis } = connect([url.replace('redis://', 'redis://:canary-pass@')], log);
    await vi.waitFor(() => expect(seen).not.toHaveLength(0), PATIENCE);
    expect(redis.status()).toBe('degraded');
    expect(seen.join()).toContain('WRONGPASS');
    expect(seen.join()).not.toContain('canary-pass');
  });

  it('uses the user and password of its URL', async () => {
    const { url } = await server();
    await adminOf(url).call('ACL', 'SETUSER', 'chat', 'on', '>p@ss/word', '~{test}:*', '&test:*', '+@all');
    const { redis } = connect([url.replace('redis://', `redis://chat:${encodeURIComponent('p@ss/word')}@`)]);
    await connected(redis);
    await redis.commands.set(redis.key('name'), 'value');
    expect(await redis.commands.get(redis.key('name'))).toBe('value');
    await expect(redis.commands.set('other', 'value')).rejects.toThrow('NOPERM');
  });

  it('does not go on in another database than the one of its URL, and says why', async () => {
    const { url } = await server();
    const admin = adminOf(url);
    await admin.call('ACL', 'SETUSER', 'chat', 'on', '>password', '~*', '&*', '+@all', '-select');
    const refused = [`${url}/9999`, `${url.replace('redis://', 'redis://chat:password@')}/3`];
    for (const address of refused) {
      const reasons: unknown[] = [];
      const { redis } = connect([address], {
        ...silentLogger,
        warn: (fields) => void reasons.push(Reflect.get(fields, 'err')),
      });
      await vi.waitFor(() => expect(reasons).toHaveLength(1), PATIENCE);
      expect(String(reasons[0])).toMatch(/DB index is out of range|NOPERM.*select/);
      await expect(redis.commands.set(redis.key('name'), 'value')).rejects.toThrow(Error);
      await setTimeout(200);
      expect(redis.status()).toBe('degraded');
    }
    expect(await admin.keys('*')).toEqual([]);
  });

  it('says what the servers answered that are no cluster', async () => {
    const [one, two] = [await server(), await server()];
    const reasons: unknown[] = [];
    connect([one.url, two.url], {
      ...silentLogger,
      warn: (fields) => void reasons.push(Reflect.get(fields, 'err')),
    });
    await vi.waitFor(() => expect(reasons).toHaveLength(1), PATIENCE);
    expect(String(reasons[0])).toContain('cluster support disabled');
  });

  it('takes several URLs as the seeds of a cluster, one of them dead, and carries events and limits on it', async () => {
    const { url } = await server(['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1']);
    const dead = await server();
    await dead.kill();
    const admin = adminOf(url);
    await admin.cluster('ADDSLOTSRANGE', 0, HASH_SLOTS - 1);
    await vi.waitFor(async () => expect(await admin.cluster('INFO')).toContain('cluster_state:ok'), PATIENCE);
    const { redis, metrics } = connect([dead.url, url]);
    await connected(redis);
    const pubsub = createRedisPubSub({
      redis,
      clock: systemClock,
      ids: systemIds,
      log: silentLogger,
      metrics,
    });
    opened.push(() => pubsub.stop());
    const numbers: number[] = [];
    pubsub.subscribe('message', 'room', ({ record }) => numbers.push(record.number));
    await vi.waitFor(() => expect(pubsub.mode()).toBe('push'), PATIENCE);
    pubsub.publish('message', 'room', messageEvent('room', 1));
    await vi.waitFor(() => expect(numbers).toEqual([1]), PATIENCE);

    const options = { factor: 1, maxSocketsPerAddress: 50, metrics };
    const limits = createRedisRateLimits({ ...options, redis, clock: systemClock, log: silentLogger });
    opened.push(() => limits.stop());
    await limits.consume('createRoomPerVisitor', 'visitor');
    expect(await admin.keys('{test}:limit:createRoomPerVisitor*')).toHaveLength(1);

    await admin.client('KILL', 'TYPE', 'pubsub');
    await vi.waitFor(() => {
      pubsub.publish('message', 'room', messageEvent('room', 2));
      expect(numbers).toContain(2);
    }, PATIENCE);
    await vi.waitFor(() => expect(pubsub.mode()).toBe('push'), PATIENCE);
  });

  it('outlives that the node which takes over a slot does not answer', async () => {
    const cluster = await startRedisCluster({ masters: 2, key: '{foo}' });
    opened.push(() => cluster.close());
    const from = adminOf(cluster.urls.find((url) => url !== cluster.holder.url) ?? '');
    const to = adminOf(cluster.holder.url);
    const { redis } = connect(cluster.urls);
    await connected(redis);
    const slot = String(await from.cluster('KEYSLOT', redis.key('name')));
    const [left, right] = [await from.cluster('MYID'), await to.cluster('MYID')];
    await to.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', left);
    await from.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', right);
    await redis.commands.set(redis.key('name'), 'value');
    const unhandled: unknown[] = [];
    const note = (reason: unknown) => void unhandled.push(reason);
    process.on('unhandledRejection', note);
    opened.push(() => process.off('unhandledRejection', note));
    await cluster.holder.pause();
    await expect(redis.commands.set(redis.key('name'), 'value')).rejects.toThrow(Error);
    await setTimeout(100);
    await cluster.holder.resume();
    expect(unhandled).toEqual([]);
    await vi.waitFor(() => redis.commands.set(redis.key('name'), 'value'), PATIENCE);
  });

  it('leaves a master that was made a replica for the one that its address leads to then', async () => {
    const [old, promoted] = [await server(), await server()];
    const { hostname: host, port } = new URL(old.url);
    const proxy = await startFaultProxy({ host, port: Number(port) });
    opened.push(() => proxy.close());
    const { redis } = connect([`redis://${proxy.host}:${proxy.port}`]);
    await connected(redis);
    const next = new URL(promoted.url);
    proxy.retarget({ host: next.hostname, port: Number(next.port) });
    await adminOf(old.url).call('REPLICAOF', next.hostname, next.port);
    await vi.waitFor(() => redis.commands.set(redis.key('name'), 'value'), PATIENCE);
    await connected(redis);
    await redis.subscriber.subscribe('test:channel');
    expect(await adminOf(promoted.url).pubsub('NUMSUB', 'test:channel')).toEqual(['test:channel', 1]);
  });

  it('asks a replica less and less often, and says once that it is one', async () => {
    const [master, replica] = [await server(), await server()];
    const { hostname, port } = new URL(master.url);
    await adminOf(replica.url).call('REPLICAOF', hostname, port);
    const said: string[] = [];
    const log: Logger = { ...silentLogger, warn: (_, message) => void said.push(message) };
    let now = 0;
    const { redis } = connect([replica.url], log, { monotonic: () => now });
    await connected(redis);
    const ready: string[] = [];
    redis.commands.on('ready', () => ready.push('commands'));
    redis.subscriber.on('ready', () => ready.push('subscriber'));
    const cut = vi.spyOn(redis.subscriber, 'disconnect');
    /** Whether a write that is refused then opens both connections anew. */
    const movesAt = async (at: number): Promise<boolean> => {
      now = at;
      cut.mockClear();
      ready.length = 0;
      await expect(redis.commands.set(redis.key('name'), 'value')).rejects.toThrow('READONLY');
      // They are cut in the turn in which the refusal comes.
      const moves = cut.mock.calls.length > 0;
      if (moves) await vi.waitUntil(() => new Set(ready).size === 2, PATIENCE);
      await connected(redis);
      return moves;
    };
    const tried: Record<number, boolean> = {};
    for (const at of [0, 1999, 2000, 5999, 6000, 13_999, 14_000]) tried[at] = await movesAt(at);
    expect(tried).toEqual({
      0: true,
      1999: false,
      2000: true,
      5999: false,
      6000: true,
      13_999: false,
      14_000: true,
    });
    const replicas = () => said.filter((message) => message.includes('replica'));
    expect(replicas()).toHaveLength(1);
    // Nothing was refused for 5 s: it was the master meanwhile.
    expect(await movesAt(14_000 + 16_000 + 5000)).toBe(true);
    expect(await movesAt(14_000 + 16_000 + 5000 + 2000)).toBe(true);
    expect(replicas()).toHaveLength(2);
  });

  it('stops in any state, twice if asked', async () => {
    const running = await server();
    const [one, two, three] = [connect([running.url]), connect([running.url]), connect([running.url])];
    await Promise.all([connected(one.redis), connected(two.redis)]);
    await three.redis.stop();
    await one.redis.stop();
    await one.redis.stop();
    await running.pause();
    await two.redis.stop();
    const away = connect([running.url]);
    await away.redis.stop();
    await running.resume();
    const clients = [one, two, three, away].flatMap(({ redis }) => [redis.commands, redis.subscriber]);
    await vi.waitFor(() => expect(clients.filter(({ status }) => status !== 'end')).toEqual([]), PATIENCE);
  });
});
