import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { systemClock } from '../../src/lib/clock.js';
import { silentLogger } from '../../src/lib/logger.js';
import { createMetrics } from '../../src/lib/metrics.js';
import { MAX_STORE_BATCH, type Touch } from '../../src/presence/presence-store.js';
import { createRedisPresenceStore } from '../../src/presence/presence-store.redis.js';
import { connectRedis } from '../../src/redis/connection.js';
import type { Metrics } from './report.js';
import { makeFolder, startRedisIn } from './room-list.js';
import type { Size } from './scenario.js';

const INSTANCE = '0123456789abcdef';
const HALF_HOUR_MS = 1_800_000;
const US_PER_SECOND = 1e6;
/** Snapshots may follow each other at once. */
const INTERVAL_MS = 1;
const VISITORS_PER_ROOM = 2;

/** What a Redis has done since it started. */
export interface RedisWork {
  /** Calls of scripts: presence, the ranking and limits are nothing else. */
  readonly scripts: number;
  readonly publishes: number;
  /** Time inside scripts, in microseconds. */
  readonly scriptUs: number;
  /** User and system time of the whole process, in microseconds. */
  readonly cpuUs: number;
}

const sum = (text: string, pattern: RegExp): number =>
  [...text.matchAll(pattern)].reduce((total, [, value]) => total + Number(value), 0);

export async function redisWork(admin: Redis): Promise<RedisWork> {
  const info = await admin.info('everything');
  return {
    scripts: sum(info, /^cmdstat_eval(?:sha)?:calls=(\d+)/gm),
    publishes: sum(info, /^cmdstat_publish:calls=(\d+)/gm),
    scriptUs: sum(info, /^cmdstat_eval(?:sha)?:calls=\d+,usec=(\d+)/gm),
    cpuUs: sum(info, /^used_cpu_(?:user|sys):([\d.]+)/gm) * US_PER_SECOND,
  };
}

const RECEIVERS = [0, 1, 20];
/** About what an announced message has. */
const PUBLISHED_BYTES = 400;
const PUBLISHED_AT_ONCE = 50;

/** What it costs Redis to hand one message to so many instances. */
export async function publishCosts(size: Size): Promise<Metrics> {
  const folder = makeFolder();
  const { redis, socket } = await startRedisIn(folder);
  const clients: Redis[] = [];
  const connect = (): Redis => {
    const client = new Redis(socket);
    clients.push(client);
    return client;
  };
  try {
    const admin = connect();
    const count = size.tiny ? 200 : 20_000;
    const text = '.'.repeat(PUBLISHED_BYTES);
    const metrics: Record<string, number> = {};
    let receivers = 0;
    for (const wanted of RECEIVERS) {
      for (; receivers < wanted; receivers += 1) await connect().subscribe('bench');
      const before = await redisWork(admin);
      for (let sent = 0; sent < count; sent += PUBLISHED_AT_ONCE) {
        await Promise.all(Array.from({ length: PUBLISHED_AT_ONCE }, () => admin.publish('bench', text)));
      }
      metrics[`publishTo${wanted}CpuUs`] = ((await redisWork(admin)).cpuUs - before.cpuUs) / count;
    }
    return metrics;
  } finally {
    for (const client of clients) client.disconnect();
    await redis.stop();
    folder.remove();
  }
}

/** What presence and the ranking cost Redis while there are so many rooms. */
export async function presenceCosts(rooms: number, size: Size): Promise<Metrics> {
  const folder = makeFolder();
  const { redis: server, socket } = await startRedisIn(folder);
  const admin = new Redis(socket);
  const common = { log: silentLogger, metrics: createMetrics({ version: 'bench' }) };
  const redis = connectRedis({ urls: [socket], prefix: 'bench', clock: systemClock, ...common });
  try {
    while (redis.status() !== 'ok') await wait(5);
    const store = createRedisPresenceStore({
      redis,
      ...common,
      windowMs: HALF_HOUR_MS,
      intervalMs: INTERVAL_MS,
    });
    const { epoch, now } = await store.beat(INSTANCE);
    await store.fulfilled(INSTANCE, epoch, 'load', now);
    const ids = Array.from({ length: rooms }, () => randomUUID());
    const room = (index: number): string => ids[index % rooms] ?? '';
    const touches = (kind: Touch['kind'], count: number): Touch[] =>
      Array.from({ length: count }, (_, index) => ({
        kind,
        roomId: room(index * 7),
        visitorId: randomUUID(),
        at: now,
      }));
    const inBatches = async <Item>(
      items: readonly Item[],
      act: (batch: readonly Item[]) => Promise<unknown>,
    ) => {
      for (let from = 0; from < items.length; from += MAX_STORE_BATCH) {
        await act(items.slice(from, from + MAX_STORE_BATCH));
      }
    };
    await inBatches(ids, (batch) => store.raise(batch.map((roomId) => ({ roomId, number: 1, at: now }))));
    await inBatches(touches('visit', rooms * VISITORS_PER_ROOM), (batch) => store.touch(INSTANCE, batch));

    const paid = async (times: number, act: () => Promise<unknown>) => {
      const before = await redisWork(admin);
      await act();
      const after = await redisWork(admin);
      return {
        script: (after.scriptUs - before.scriptUs) / times,
        cpu: (after.cpuUs - before.cpuUs) / times,
      };
    };
    const alone = async (kind: Touch['kind'], count: number) => {
      const all = touches(kind, count);
      return paid(count, async () => {
        for (const touch of all) await store.touch(INSTANCE, [touch]);
      });
    };
    const many = size.tiny ? 200 : 10_000;
    const few = size.tiny ? 20 : 2000;
    const visit = await alone('visit', few);
    const together = await paid(many, () =>
      inBatches(touches('visit', many), (batch) => store.touch(INSTANCE, batch)),
    );
    const join = await alone('join', few);
    const raise = await paid(few, async () => {
      for (let index = 0; index < few; index += 1) {
        await store.raise([{ roomId: room(index), number: index + 2, at: now }]);
      }
    });
    let { revision } = await store.tick(epoch, 0);
    const ticks = size.tiny ? 5 : 100;
    let scriptUs = 0;
    let bytes = 0;
    let tickMs = 0;
    for (let index = 0; index < ticks; index += 1) {
      await store.touch(INSTANCE, touches('visit', 1));
      await wait(INTERVAL_MS + 1);
      const before = await redisWork(admin);
      const began = performance.now();
      const ticked = await store.tick(epoch, revision);
      tickMs += performance.now() - began;
      scriptUs += (await redisWork(admin)).scriptUs - before.scriptUs;
      if (ticked.taken === null) throw new Error('No snapshot was taken.');
      revision = ticked.revision;
      bytes = await admin.strlen(redis.key(`rev:${epoch}:${revision}`));
    }
    return {
      visitUs: visit.script,
      visitCpuUs: visit.cpu,
      visitOf200Us: together.script,
      visitOf200CpuUs: together.cpu,
      joinUs: join.script,
      joinCpuUs: join.cpu,
      raiseUs: raise.script,
      raiseCpuUs: raise.cpu,
      tickUs: scriptUs / ticks,
      tickAtInstanceMs: tickMs / ticks,
      snapshotKb: bytes / 1024,
    };
  } finally {
    admin.disconnect();
    await redis.stop();
    await server.stop();
    folder.remove();
  }
}
