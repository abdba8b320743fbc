import { mkdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/lib/clock.js';
import { systemIds } from '../../src/lib/ids.js';
import { silentLogger } from '../../src/lib/logger.js';
import { createMetrics } from '../../src/lib/metrics.js';
import { createLog } from '../../src/log/create-log.js';
import type { BusMode } from '../../src/log/log-bus.js';
import { LOG_LIMITS } from '../../src/log/log-limits.js';
import { createLogMetrics } from '../../src/log/log-metrics.prometheus.js';
import type { Message } from '../../src/messages/message.js';
import { createTracing } from '../../src/lib/tracing.js';
import { createMessageBus } from '../../src/messages/message-bus.js';
import { createRedisPubSub } from '../../src/pubsub/pubsub.redis.js';
import { openRedis } from '../testkit/redis-connection.js';
import { createMemoryLogStore, type MemoryLogStore } from '../testkit/log/memory-log-store.js';
import { type RedisServer, startRedis } from '../testkit/services/index.js';

const ROOM = '01890000-0000-7000-8000-000000000001';
const PATIENCE = { timeout: 60_000, interval: 20 };
const DEADLINE_MS = 30_000;
const opened: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

/** One instance: the production log, bus and connection; the store is shared and sound. */
function instance(store: MemoryLogStore<Message>, server: RedisServer) {
  const metrics = createMetrics({ version: 'test' });
  const redis = openRedis([server.url], 'fault', metrics);
  const pubsub = createRedisPubSub({ redis, clock: systemClock, ids: systemIds, log: silentLogger, metrics });
  const log = createLog<Message>({
    store,
    bus: createMessageBus({
      pubsub,
      tracing: createTracing({ version: 'test' }),
      traces: { causeOf: () => undefined },
    }),
    clock: systemClock,
    chance: Math.random,
    defer: setImmediate,
    log: silentLogger,
    limits: { ...LOG_LIMITS, maxReplayed: 1000 },
    metrics: createLogMetrics(metrics),
    numbered: (entry, number) => ({ ...entry, number }),
    sameInput: (stored, entry) => stored.text === entry.text,
    sizeOf: ({ text }) => text.length,
    onReleased: () => undefined,
  });
  opened.push(
    () => redis.stop(),
    () => pubsub.stop(),
    () => log.stop(1000),
  );
  const send = (text: string) => {
    const call = systemIds.random64();
    const entry = { logId: ROOM, authorId: 'author', key: `s:${call}`, call, text, createdAt: new Date() };
    return log.append(ROOM, entry, AbortSignal.timeout(DEADLINE_MS));
  };
  return { log, pubsub, send };
}

/** Reads on as fast as it can, and writes the numbers down. */
async function follow({ log }: ReturnType<typeof instance>): Promise<readonly number[]> {
  const source = log.follow(ROOM);
  const numbers: number[] = [];
  let position = await source.begin(null, AbortSignal.timeout(DEADLINE_MS));
  let reading = false;
  let again = false;
  async function read(): Promise<void> {
    again = true;
    if (reading) return;
    reading = true;
    while (again) {
      again = false;
      const events = await source.read(position, { limit: 100, replayed: false, mayJump: false });
      for (const { event, position: reached } of events) {
        numbers.push(event.record.number);
        position = reached;
        again = true;
      }
    }
    reading = false;
  }
  const end = source.onAdvance(() => void read());
  opened.push(() => {
    end();
    source.close();
  });
  return numbers;
}

/** Runs commands on the server as its operator would. */
async function operate(server: RedisServer, run: (admin: Redis) => Promise<unknown>): Promise<void> {
  const admin = new Redis(server.url);
  try {
    await run(admin);
  } finally {
    admin.disconnect();
  }
}

const bySaving = (admin: Redis, result: 'ok' | 'err') =>
  vi.waitFor(async () => {
    await admin.bgsave().catch(() => undefined);
    expect(await admin.info('persistence')).toContain(`rdb_last_bgsave_status:${result}`);
  }, PATIENCE);

/** A folder in the way of the snapshot: saving fails, and Redis refuses to write (MISCONF), though it still publishes. */
const fillDisk = (server: RedisServer) =>
  operate(server, async (admin) => {
    await mkdir(join(server.folder, 'dump.rdb'));
    await admin.config('SET', 'save', '3600 1');
    await bySaving(admin, 'err');
  });
const clearDisk = (server: RedisServer) =>
  operate(server, async (admin) => {
    await rmdir(join(server.folder, 'dump.rdb'));
    await bySaving(admin, 'ok');
  });

type Act = (server: RedisServer) => Promise<void>;

describe('a conversation over a Redis in trouble', () => {
  it.each<[string, BusMode, Act, Act]>([
    ['paused', 'polling', (server) => server.pause(), (server) => server.resume()],
    ['refusing to write for want of a disk', 'push', fillDisk, clearDisk],
    [
      'killed, and empty when it comes back',
      'polling',
      (server) => server.kill(),
      (server) => server.start(),
    ],
  ])(
    'goes on while Redis is %s: no send fails, and everybody gets every message once and in order',
    async (_, during, begin, end) => {
      const server = await startRedis();
      opened.push(() => server.close());
      const store = createMemoryLogStore<Message>();
      const [one, two] = [instance(store, server), instance(store, server)];
      const followers = [await follow(one), await follow(two)];
      let sent = 0;
      /** Sends on both instances and waits until everybody has everything. */
      const talk = async () => {
        for (let round = 0; round < 10; round += 1) {
          const results = await Promise.all([one.send(`one ${round}`), two.send(`two ${round}`)]);
          sent += 2;
          expect(results.map(({ outcome }) => outcome)).toEqual(['stored', 'stored']);
        }
        const expected = Array.from({ length: sent }, (_, index) => index + 1);
        await vi.waitFor(() => expect(followers).toEqual([expected, expected]), PATIENCE);
      };
      const modes = (mode: BusMode) =>
        vi.waitFor(() => expect([one.pubsub.mode(), two.pubsub.mode()]).toEqual([mode, mode]), PATIENCE);

      await modes('push');
      await talk();
      await begin(server);
      // At once, and again when the trouble has been noticed.
      await talk();
      await modes(during);
      await talk();
      const late = await follow(one);
      const before = sent;
      await talk();
      await end(server);
      await talk();
      await modes('push');
      await talk();
      const expected = Array.from({ length: sent - before }, (_, index) => before + index + 1);
      await vi.waitFor(() => expect(late).toEqual(expected), PATIENCE);
      expect(store.all(ROOM)).toHaveLength(sent);
    },
  );
});
