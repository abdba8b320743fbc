import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { systemClock } from '../../src/lib/clock.js';
import { systemIds } from '../../src/lib/ids.js';
import { silentLogger } from '../../src/lib/logger.js';
import { createMetrics } from '../../src/lib/metrics.js';
import { createPatientCounts } from '../../src/presence/patient-counts.js';
import { createPresenceService } from '../../src/presence/presence-service.js';
import { MAX_STORE_BATCH, type PresenceStore, type Touch } from '../../src/presence/presence-store.js';
import { createRedisPresenceStore } from '../../src/presence/presence-store.redis.js';
import { createMemoryPubSub } from '../../src/pubsub/pubsub.memory.js';
import { createRankingService } from '../../src/ranking/ranking-service.js';
import { connectRedis } from '../../src/redis/connection.js';
import { createJournal, createMessages, createRooms } from '../../tests/unit/presence/world.js';
import { leaveServerCore } from './machine.js';
import type { Metrics } from './report.js';
import { makeFolder, startRedisIn } from './room-list.js';
import type { Size } from './scenario.js';

const ROOMS = 100;
const INSTANCE = '0123456789abcdef';
const HALF_HOUR_MS = 1_800_000;
const SECOND_MS = 1000;
/** Batches under way while a store is filled. */
const LANES = 2;
/** Long enough for a slow machine to have told all visits before the first of them ends. */
const EXPIRY_MS = 15_000;
/**
 * So long before them Redis is kept busy with pings: after seconds of silence commands that do nothing took up to
 * 42 ms, too, on a virtual machine.
 */
const AWAKE_MS = 1000;
const INSTANCES = 2;

type World = Awaited<ReturnType<typeof openStore>>;

/** The presence store of an instance, over the Redis at `socket`, which is emptied. */
async function openStore(socket: string, windowMs: number) {
  const admin = new Redis(socket);
  await admin.flushall();
  const common = { log: silentLogger, metrics: createMetrics({ version: 'bench' }) };
  const redis = connectRedis({ urls: [socket], prefix: 'bench', clock: systemClock, ...common });
  while (redis.status() !== 'ok') await wait(5);
  const store = createRedisPresenceStore({ redis, ...common, windowMs, intervalMs: SECOND_MS });
  const { epoch, now } = await store.beat(INSTANCE);
  await store.fulfilled(INSTANCE, epoch, 'load', now);
  const rooms = Array.from({ length: ROOMS }, () => randomUUID());
  await store.raise(rooms.map((roomId) => ({ roomId, number: 1, at: now })));
  const visits = (kind: Touch['kind'], count: number, at: (index: number) => number): Touch[] =>
    Array.from({ length: count }, (_, index) => ({
      kind,
      roomId: rooms[index % ROOMS] ?? '',
      visitorId: randomUUID(),
      at: at(index),
    }));
  return {
    admin,
    store,
    rooms,
    visits,
    async touch(touches: readonly Touch[]) {
      for (let start = 0; start < touches.length; start += MAX_STORE_BATCH * LANES) {
        const lanes = Array.from({ length: LANES }, (_, lane) => start + lane * MAX_STORE_BATCH);
        await Promise.all(
          lanes.map((from) => store.touch(INSTANCE, touches.slice(from, from + MAX_STORE_BATCH))),
        );
      }
    },
    async close() {
      admin.disconnect();
      await redis.stop();
    },
  };
}

async function inWorld(socket: string, windowMs: number, act: (world: World) => Promise<Metrics>) {
  const world = await openStore(socket, windowMs);
  try {
    return await act(world);
  } finally {
    await world.close();
  }
}

const bytesPer = (socket: string, kind: 'visit' | 'join', count: number, name: string): Promise<Metrics> =>
  inWorld(socket, HALF_HOUR_MS, async ({ admin, visits, touch, store }) => {
    const used = async (): Promise<number> =>
      Number(/^used_memory:(\d+)/m.exec(await admin.info('memory'))?.[1]);
    const before = await used();
    const { now } = await store.beat(INSTANCE);
    await touch(visits(kind, count, () => now));
    return { [name]: ((await used()) - before) / count };
  });

/** Joins of one turn, then one alone: how many commands they are. */
const joins = (socket: string, count: number): Promise<Metrics> =>
  inWorld(socket, HALF_HOUR_MS, async ({ store, rooms }) => {
    const batches: number[] = [];
    const counted: PresenceStore = {
      ...store,
      touch(instance, touches) {
        batches.push(touches.length);
        return store.touch(instance, touches);
      },
    };
    const presence = createPresenceService({
      store: counted,
      rooms: createRooms().store,
      messages: createMessages(systemClock).store,
      journal: createJournal(systemClock).journal,
      clock: systemClock,
      ids: systemIds,
      chance: Math.random,
      log: silentLogger,
      windowMs: HALF_HOUR_MS,
    });
    const online = async (): Promise<number> =>
      [...(await store.counts(rooms)).rooms.values()].reduce((sum, room) => sum + room.onlineCount, 0);
    await presence.started;
    const began = performance.now();
    for (let index = 0; index < count; index += 1) presence.join(rooms[index % ROOMS] ?? '', randomUUID());
    while ((await online()) < count) await wait(1);
    const together = {
      commands: batches.length,
      ms: performance.now() - began,
      largest: Math.max(...batches),
    };
    await presence.stop();
    return {
      joins: count,
      commandsForJoins: together.commands,
      largestBatch: together.largest,
      joinsMs: together.ms,
    };
  });

const sumOf = (rooms: ReadonlyMap<string, { recentVisitorCount: number }> | undefined): number =>
  [...(rooms?.values() ?? [])].reduce((sum, room) => sum + room.recentVisitorCount, 0);

/** Visits that expire within `spreadMs`, while instances tick if it is long: stalls, and the next read. */
const expiry = (socket: string, count: number, spreadMs: number, name: string): Promise<Metrics> =>
  inWorld(socket, EXPIRY_MS, async ({ admin, store, rooms, visits, touch }) => {
    const counts = createPatientCounts({ read: (ids) => store.counts(ids), clock: systemClock });
    const { now } = await store.beat(INSTANCE);
    const offset = now - performance.now();
    const first = now - spreadMs;
    await touch(visits('visit', count, (index) => first + (index % Math.max(spreadMs, 1))));
    if (sumOf((await counts(rooms))?.rooms) !== count) throw new Error('The machine is too slow for this.');
    const rankings = Array.from({ length: spreadMs > 0 ? INSTANCES : 0 }, () =>
      createRankingService({
        store,
        rooms: createRooms().store,
        pubsub: createMemoryPubSub({ log: silentLogger }),
        clock: systemClock,
        chance: Math.random,
        log: silentLogger,
        intervalMs: SECOND_MS,
      }),
    );
    const left = (until: number): number => until - offset - performance.now();
    const waits: number[] = [];
    async function pingUntil(until: number): Promise<void> {
      while (left(until) > 0) {
        const asked = performance.now();
        await admin.ping();
        waits.push(performance.now() - asked);
        await wait(1);
      }
    }
    await wait(left(first + EXPIRY_MS - AWAKE_MS));
    await admin.config('SET', 'slowlog-log-slower-than', 1000);
    await admin.config('SET', 'slowlog-max-len', 100_000);
    await pingUntil(first + EXPIRY_MS - 10);
    await admin.call('SLOWLOG', 'RESET');
    waits.splice(0);
    await pingUntil(first + EXPIRY_MS + spreadMs);
    const began = performance.now();
    const seen = sumOf((await counts(rooms))?.rooms);
    const readMs = performance.now() - began;
    await Promise.all(rankings.map((ranking) => ranking.stop()));
    if (seen !== 0) throw new Error(`${seen} visits are shown that have expired.`);
    const slow = (await admin.call('SLOWLOG', 'GET', '-1')) as [number, number, number, string[]][];
    const scripts = slow.filter(([, , , [command]]) => /^evalsha$/i.test(command ?? ''));
    return {
      [`${name}.nextReadMs`]: readMs,
      [`${name}.longestScriptMs`]: Math.max(0, ...scripts.map(([, , micros]) => micros / 1000)),
      ...(spreadMs > 0 ? { [`${name}.longestWaitOfAnotherMs`]: Math.max(...waits) } : {}),
    };
  });

/** What presence costs Redis. */
export async function presenceFigures(size: Size): Promise<Metrics> {
  // This process asks Redis without a pause: on the same core it would be measured, too.
  leaveServerCore();
  const folder = makeFolder();
  try {
    const { redis, socket } = await startRedisIn(folder);
    try {
      const few = size.tiny ? 2000 : 50_000;
      return {
        ...(await bytesPer(socket, 'visit', few, 'bytesPerVisitGone')),
        ...(await bytesPer(socket, 'join', few, 'bytesPerConnected')),
        ...(await joins(socket, size.tiny ? 500 : 5000)),
        ...(await expiry(socket, size.tiny ? 2000 : 20_000, 0, 'atOnce')),
        ...(await expiry(socket, size.tiny ? 5000 : 200_000, SECOND_MS, 'inOneSecond')),
      };
    } finally {
      await redis.stop();
    }
  } finally {
    folder.remove();
  }
}
