import type { Config } from './config.js';
import { MS_PER_SECOND, type Clock, sleep } from './lib/clock.js';
import type { Disposer } from './lib/disposer.js';
import type { Chance, Ids } from './lib/ids.js';
import type { Logger } from './lib/logger.js';
import type { Metrics } from './lib/metrics.js';
import { StartError } from './lib/start-error.js';
import type { Tracing } from './lib/tracing.js';
import { createMemoryRateLimits } from './limits/rate-limits.memory.js';
import { createRedisRateLimits } from './limits/rate-limits.redis.js';
import { createMongoMessageStore } from './messages/message-store.mongo.js';
import { createSqliteMessageStore } from './messages/message-store.sqlite.js';
import { openMongo } from './mongo/mongo.js';
import { observeMongo } from './mongo/observe.js';
import { claimAlone } from './mongo/sole-instance.js';
import { checkEviction } from './presence/eviction.redis.js';
import { createMemoryPresenceStore } from './presence/presence-store.memory.js';
import { createRedisPresenceStore } from './presence/presence-store.redis.js';
import { createMongoVisitJournal } from './presence/visit-journal.mongo.js';
import { createSqliteVisitJournal } from './presence/visit-journal.sqlite.js';
import { createMemoryPubSub } from './pubsub/pubsub.memory.js';
import { createRedisPubSub } from './pubsub/pubsub.redis.js';
import { checkAddress, connectRedis } from './redis/connection.js';
import { createMongoRoomStore } from './rooms/room-store.mongo.js';
import { createSqliteRoomStore } from './rooms/room-store.sqlite.js';
import type { Ports } from './services.js';
import { openSqlite } from './sqlite/sqlite.js';
import { createMongoVisitorStore } from './visitors/visitor-store.mongo.js';
import { createSqliteVisitorStore } from './visitors/visitor-store.sqlite.js';

/** What each way to run brings: the ports, and how the things behind them are. */
export interface Foundation extends Ports {
  readonly ping: (signal: AbortSignal) => Promise<void>;
  /** Null without Redis. */
  readonly redis: (() => 'ok' | 'degraded') | null;
}

/** What is made first and handed to everything. */
export interface Base {
  readonly config: Config;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly chance: Chance;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly tracing: Tracing;
  readonly opened: Disposer;
  /** Aborts when the app is stopped while it starts. */
  readonly stopping: AbortSignal;
}

const REDIS_PATIENCE_MS = 1000;
const REDIS_POLL_MS = 10;
/** The journal keeps visits a little longer than they count, for clocks that differ. */
const JOURNAL_SLACK_MS = 60_000;

const windowMsOf = (config: Config): number => config.recentVisitWindowSeconds * MS_PER_SECOND;

type Stores = Pick<Foundation, 'messages' | 'rooms' | 'visitors' | 'journal' | 'ping'>;

async function openStores(base: Base): Promise<Stores> {
  const { config, clock, log, opened } = base;
  const keepMs = windowMsOf(config) + JOURNAL_SLACK_MS;
  if (config.mongodbUrl === null) {
    const sqlite = await openSqlite({ dataDir: config.dataDir, log });
    opened.add('store', () => sqlite.stop());
    return {
      messages: createSqliteMessageStore({ sqlite }),
      rooms: createSqliteRoomStore({ sqlite }),
      visitors: createSqliteVisitorStore({ sqlite }),
      journal: createSqliteVisitJournal({ sqlite, clock, keepMs }),
      ping: async (signal) => sqlite.ping(signal),
    };
  }
  const mongo = await openMongo({
    url: config.mongodbUrl,
    keepVisitsMs: keepMs,
    clock,
    log,
    signal: base.stopping,
    observe: (client) => observeMongo(client, base.metrics),
  });
  opened.add('store', () => mongo.stop());
  if (config.redisUrls.length === 0) {
    opened.add('claim', await claimAlone({ mongo, clock, ids: base.ids, log, signal: base.stopping }));
  }
  return {
    messages: createMongoMessageStore({ mongo }),
    rooms: createMongoRoomStore({ mongo }),
    visitors: createMongoVisitorStore({ mongo }),
    journal: createMongoVisitJournal({ mongo }),
    ping: mongo.ping,
  };
}

/** Gives Redis a moment, so that the first answers are exact; without it the chat starts degraded. */
async function untilRedis(isThere: () => boolean, clock: Clock): Promise<void> {
  const deadline = clock.monotonic() + REDIS_PATIENCE_MS;
  while (!isThere() && clock.monotonic() < deadline) await sleep(clock, REDIS_POLL_MS);
}

/**
 * Opens what the settings ask for: a SQLite file and this process, MongoDB and this process, or MongoDB and Redis.
 * No other file of a server knows an adapter. What is opened is closed by `opened`, also after a failure.
 *
 * @throws StartError in words for the operator.
 */
export async function openFoundation(base: Base): Promise<Foundation> {
  const { config, clock, ids, log, metrics, opened } = base;
  const stores = await openStores(base);
  const timing = { windowMs: windowMsOf(config), intervalMs: config.rankingIntervalMs };
  const rates = {
    factor: config.rateLimitFactor,
    maxSocketsPerAddress: config.maxSocketsPerAddress,
    metrics,
  };
  if (rates.factor !== 1) {
    log.warn({ factor: rates.factor ?? 'off' }, 'rate limits are not as delivered: RATE_LIMITS is set');
  }
  if (config.redisUrls.length === 0) {
    const pubsub = createMemoryPubSub({ log });
    metrics.busMode.set({ mode: 'push' }, 1);
    opened.add('events', () => pubsub.stop());
    const presence = createMemoryPresenceStore({ clock, ids, ...timing });
    return { ...stores, pubsub, presence, limits: createMemoryRateLimits(rates), redis: null };
  }
  const redis = connectRedis({ urls: config.redisUrls, prefix: config.redisPrefix, clock, log, metrics });
  opened.add('Redis', () => redis.stop());
  await untilRedis(() => redis.status() === 'ok', clock);
  const problem = (await checkAddress(redis)) ?? (await checkEviction(redis));
  if (problem !== null) throw new StartError(`REDIS_URL: ${problem}`);
  const pubsub = createRedisPubSub({ redis, clock, ids, log, metrics });
  opened.add('events', () => pubsub.stop());
  const limits = createRedisRateLimits({ ...rates, redis, clock, log });
  opened.add('limits', () => limits.stop());
  const presence = createRedisPresenceStore({ redis, log, ...timing });
  return { ...stores, pubsub, presence, limits, redis: () => redis.status() };
}
