import { readFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { fileURLToPath } from 'node:url';
import type { Config } from './config.js';
import { createOperations } from './graphql/operation.js';
import { showsName } from './graphql/shows-name.js';
import { subscriptionFields } from './graphql/resolvers.js';
import { buildChatSchema } from './graphql/schema.js';
import { createHealth } from './health.js';
import { type Clock, sleep, systemClock } from './lib/clock.js';
import { createDisposer, type Disposer } from './lib/disposer.js';
import { type Chance, type Ids, systemIds } from './lib/ids.js';
import type { Logger } from './lib/logger.js';
import { createMetrics, type Metrics } from './lib/metrics.js';
import { startMetricsServer } from './lib/metrics-server.js';
import { createOverload } from './lib/overload.js';
import { watchProcessLoad } from './lib/process-load.js';
import { StartError } from './lib/start-error.js';
import { createTracing } from './lib/tracing.js';
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
import { connectRedis } from './redis/connection.js';
import { createMongoRoomStore } from './rooms/room-store.mongo.js';
import { createSqliteRoomStore } from './rooms/room-store.sqlite.js';
import { createServices, type Ports } from './services.js';
import { openSqlite } from './sqlite/sqlite.js';
import type { Identify } from './transport/caller.js';
import { createTransport } from './transport/transport.js';
import { createAuthKeys } from './visitors/auth-keys.js';
import { createMongoVisitorStore } from './visitors/visitor-store.mongo.js';
import { createSqliteVisitorStore } from './visitors/visitor-store.sqlite.js';

/** Parts that a host or a test may bring; everything else is made from the configuration. */
export interface AppOptions {
  readonly log: Logger;
  /** A host's own server, which it opens and closes itself. */
  readonly server?: Server;
  /** Replaces `BASE_PATH`. */
  readonly basePath?: string;
  /** A host's own idea of who is calling: each subject is one visitor, and no token is issued. */
  readonly identify?: Identify;
  readonly clock?: Clock;
  readonly ids?: Ids;
  readonly chance?: Chance;
}

export interface App {
  /** Where the chat is, base path included; to be asked after `start`. */
  readonly url: string;
  /** Where Prometheus finds the metrics; null without `METRICS_PORT`. To be asked after `start`. */
  readonly metricsUrl: string | null;
  /**
   * Opens the stores and the server. Waits for MongoDB as long as it takes; starts without Redis.
   *
   * @throws StartError or ConfigError in words for the operator.
   */
  start(): Promise<void>;
  /** Drains and closes everything, in reverse order; a second call, or `hurry`, ends connections at once. */
  stop(options?: { hurry?: boolean }): Promise<void>;
  /** Reads `AUTH_KEYS_FILE` again. @throws ConfigError or StartError; the old keys then stay in force. */
  reloadKeys(): void;
}

/** What each way to run brings: the ports, and how the things behind them are. */
interface Foundation extends Ports {
  readonly ping: (signal: AbortSignal) => Promise<void>;
  /** Null without Redis. */
  readonly redis: (() => 'ok' | 'degraded') | null;
}

/** What is made first and handed to everything. */
interface Base {
  readonly config: Config;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly opened: Disposer;
  /** Aborts when the app is stopped while it starts. */
  readonly stopping: AbortSignal;
}

const MS_PER_SECOND = 1000;
const REDIS_PATIENCE_MS = 1000;
const REDIS_POLL_MS = 10;
/** How long a start waits for the visits to be counted. */
const PRESENCE_PATIENCE_MS = 2000;
/** The journal keeps visits a little longer than they count, for clocks that differ. */
const JOURNAL_SLACK_MS = 60_000;
/** Where `npm run build` puts the web client: beside this file in `dist`, from sources one folder up. */
const CLIENT_FOLDER = fileURLToPath(new URL('../dist/client/', import.meta.url));

/** The version of this package, as its manifest beside `dist` and `src` says. */
function readVersion(): string {
  const manifest: { version: string } = JSON.parse(
    readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
  );
  return manifest.version;
}

/** The address to give to people; a server that listens everywhere is reached by its local name too. */
function urlOf(host: string, port: number | null, basePath: string): string {
  if (port === null) return basePath;
  const name = ['127.0.0.1', '0.0.0.0', '::', '::1'].includes(host) ? 'localhost' : host;
  return `http://${name.includes(':') ? `[${name}]` : name}:${port}${basePath}`;
}

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
  if (config.redisUrls.length === 0) opened.add('claim', await claimAlone({ mongo, ...base }));
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

async function openFoundation(base: Base): Promise<Foundation> {
  const { config, clock, ids, log, metrics, opened } = base;
  const stores = await openStores(base);
  const timing = { windowMs: windowMsOf(config), intervalMs: config.rankingIntervalMs };
  const rates = {
    factor: config.rateLimitFactor,
    maxSocketsPerAddress: config.maxSocketsPerAddress,
    metrics,
  };
  if (config.redisUrls.length === 0) {
    const pubsub = createMemoryPubSub({ log });
    opened.add('events', () => pubsub.stop());
    const presence = createMemoryPresenceStore({ clock, ids, ...timing });
    return { ...stores, pubsub, presence, limits: createMemoryRateLimits(rates), redis: null };
  }
  const redis = connectRedis({ urls: config.redisUrls, prefix: config.redisPrefix, log, metrics });
  opened.add('Redis', () => redis.stop());
  await untilRedis(() => redis.status() === 'ok', clock);
  const problem = await checkEviction(redis);
  if (problem !== null) throw new StartError(`REDIS_URL: ${problem}`);
  const pubsub = createRedisPubSub({ redis, clock, ids, log, metrics });
  opened.add('events', () => pubsub.stop());
  const limits = createRedisRateLimits({ ...rates, redis, clock, log });
  opened.add('limits', () => limits.stop());
  const presence = createRedisPresenceStore({ redis, log, ...timing });
  return { ...stores, pubsub, presence, limits, redis: () => redis.status() };
}

/**
 * Puts the chat together. The signing keys are read at once, or made in embedded mode; nothing else runs before
 * `start`.
 *
 * @throws ConfigError or StartError when there is no usable key.
 * @example
 * const app = createApp(loadConfig(process.env), { log });
 * await app.start();
 */
export function createApp(config: Config, options: AppOptions): App {
  const { log, clock = systemClock, ids = systemIds, chance = Math.random } = options;
  const basePath = options.basePath ?? config.http.basePath;
  const opened = createDisposer((name, error) => log.error({ err: error }, `closing ${name} failed`));
  const stopping = new AbortController();
  const authKeys = createAuthKeys(config);
  let url = '';
  let metricsUrl: string | null = null;
  let drain: (hurry: boolean) => Promise<void> = () => Promise.resolve();
  let starting: Promise<void> | undefined;

  async function start(): Promise<void> {
    const version = readVersion();
    const metrics = createMetrics({ version });
    const tracing = createTracing({ version });
    const base: Base = { config, clock, ids, log, metrics, opened, stopping: stopping.signal };
    const foundation = await openFoundation(base);
    const schema = buildChatSchema();
    const services = createServices({ ...base, ...foundation, tracing, keys: authKeys.current, chance });
    const operations = createOperations({
      schema,
      subscriptionFields,
      services,
      profile: config.apiProfile,
      log,
      clock,
      ids,
      metrics,
      tracing,
      nextTurn: setImmediate,
    });
    services.visitors.onRenamed((visitorId) => operations.forget(showsName(visitorId)));
    const health = createHealth({ ...foundation, clock, log });
    opened.add('health', () => health.stop());
    const load = watchProcessLoad();
    opened.add('load', () => load.stop());
    const onChange = (overloaded: boolean) => metrics.overloadState.set(overloaded ? 1 : 0);
    const overload = createOverload({ read: () => load.read(), clock, chance, log, onChange });
    opened.add('overload', () => overload.stop());
    const transport = createTransport({
      ...config,
      operations,
      schema,
      services,
      clock,
      ids,
      log,
      metrics,
      server: options.server,
      identify: options.identify,
      basePath,
      profile: config.apiProfile,
      clientFolder: CLIENT_FOLDER,
      health: () => health.current(),
      overloaded: () => overload.retryAfterMs(),
    });
    drain = (hurry) =>
      transport.drain(
        hurry
          ? { delayMs: 0, windowMs: 0 }
          : { delayMs: config.drainDelayMs, windowMs: config.drainWindowMs },
      );
    if (config.metricsPort !== null) {
      const served = await startMetricsServer({
        host: config.http.host,
        port: config.metricsPort,
        registry: metrics.registry,
      });
      metricsUrl = served.url;
      opened.add('metrics', () => served.stop());
    }
    await Promise.race([services.presence.started, sleep(clock, PRESENCE_PATIENCE_MS)]);
    stopping.signal.throwIfAborted();
    transport.start();
    const port =
      options.server === undefined ? await transport.listen(config.http.port, config.http.host) : null;
    url = urlOf(config.http.host, port, basePath);
  }

  async function undoStart(error: unknown): Promise<never> {
    await opened.dispose();
    throw error;
  }

  return {
    get url() {
      return url;
    },
    get metricsUrl() {
      return metricsUrl;
    },
    start: () => (starting ??= start().catch(undoStart)),
    async stop({ hurry = false } = {}) {
      stopping.abort(new StartError('stopped while starting'));
      await starting?.catch(() => undefined);
      await drain(hurry);
      await opened.dispose();
    },
    reloadKeys: authKeys.reload,
  };
}
