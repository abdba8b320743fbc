import { readFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { fileURLToPath } from 'node:url';
import { getHeapStatistics } from 'node:v8';
import { type AuthKey, type Config, parseBasePath } from './config.js';
import { type Base, type Foundation, openFoundation } from './foundation.js';
import { createOperations } from './graphql/operation.js';
import { showsName } from './graphql/shows-name.js';
import { subscriptionFields } from './graphql/resolvers.js';
import { buildChatSchema } from './graphql/schema.js';
import { createHealth } from './health.js';
import { hostInUrl } from './lib/address.js';
import { type Clock, sleep, systemClock } from './lib/clock.js';
import { createDisposer } from './lib/disposer.js';
import { type Chance, type Ids, systemIds } from './lib/ids.js';
import type { Logger } from './lib/logger.js';
import { createLogger } from './lib/logger.pino.js';
import { createMetrics } from './lib/metrics.js';
import { startMetricsServer } from './lib/metrics-server.js';
import { createOverload, type Overload } from './lib/overload.js';
import { watchProcessLoad } from './lib/process-load.js';
import { StartError } from './lib/start-error.js';
import { createTracing } from './lib/tracing.js';
import { createWaitingLine } from './lib/waiting-line.js';
import { createServices } from './services.js';
import type { Identify } from './transport/caller.js';
import { answerWhileStarting } from './transport/starting-server.js';
import { createTransport } from './transport/transport.js';
import { createAuthKeys } from './visitors/auth-keys.js';

/** Parts that a host or a test may bring; everything else is made from the configuration. */
export interface AppOptions {
  /** By default JSON lines on standard output, or as the configuration says. */
  readonly log?: Logger;
  /** A host's own server, which it opens and closes itself. */
  readonly server?: Server;
  /** Replaces `BASE_PATH`, and is written like it. */
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
  /**
   * Reads `AUTH_KEYS_FILE` again.
   *
   * @returns false when the keys come from elsewhere: those stay until the next start.
   * @throws ConfigError or StartError; the old keys then stay in force.
   */
  reloadKeys(): boolean;
}

/** How long a start waits for the visits to be counted. */
const PRESENCE_PATIENCE_MS = 2000;
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
  return `http://${hostInUrl(name)}:${port}${basePath}`;
}

/** Watches how busy this process is. */
function openOverload({ clock, chance, log, metrics, opened }: Base): Overload {
  const load = watchProcessLoad();
  opened.add('load', () => load.stop());
  const overload = createOverload({
    read: () => load.read(),
    line: createWaitingLine({ clock, nextTurn: setImmediate }),
    clock,
    chance,
    log,
    onChange: (overloaded) => metrics.overloadState.set(overloaded ? 1 : 0),
  });
  opened.add('overload', () => overload.stop());
  return overload;
}

/** Serves the metrics if a port is set for them; where they are then. */
async function serveMetrics({ config, metrics, opened }: Base, basePath: string): Promise<string | null> {
  if (config.metricsPort === null) return null;
  const { registry } = metrics;
  const served = await startMetricsServer({ ...config.http, port: config.metricsPort, basePath, registry });
  opened.add('metrics', () => served.stop());
  return served.url;
}

/** Puts the chat together on its stores, each part from those below it; what it holds is closed by `opened`. */
function assemble(
  base: Base,
  foundation: Foundation,
  parts: {
    readonly keys: () => readonly AuthKey[];
    readonly server: Server | undefined;
    readonly identify: Identify | undefined;
    readonly basePath: string;
  },
) {
  const { config, clock, ids, log, metrics, opened } = base;
  const { heap_size_limit: heapBytes } = getHeapStatistics();
  const hostIdentifies = parts.identify !== undefined;
  const services = createServices({ ...base, ...foundation, keys: parts.keys, hostIdentifies });
  const operations = createOperations({
    schema: buildChatSchema(),
    subscriptionFields,
    services,
    apiProfile: config.apiProfile,
    log,
    clock,
    ids,
    metrics,
    tracing: base.tracing,
    nextTurn: setImmediate,
    heapBytes,
  });
  services.visitors.onRenamed((visitorId) => operations.forget(showsName(visitorId)));
  const health = createHealth({ ...foundation, clock, log });
  opened.add('health', () => health.stop());
  const transport = createTransport({
    ...config,
    ...parts,
    operations,
    services,
    clock,
    ids,
    log,
    metrics,
    heapBytes,
    clientFolder: CLIENT_FOLDER,
    health: () => health.current(),
    overload: openOverload(base),
  });
  return { presence: services.presence, transport };
}

/**
 * Puts the chat together. The signing keys are read at once, or made in embedded mode; nothing else runs before
 * `start`.
 *
 * @throws ConfigError or StartError when there is no usable key, or `basePath` is none.
 * @example
 * const app = createApp(loadConfig(process.env));
 * await app.start();
 */
export function createApp(config: Config, options: AppOptions = {}): App {
  const { clock = systemClock, ids = systemIds, chance = Math.random } = options;
  const { logLevel: level, logFormat } = config;
  const log = options.log ?? createLogger({ level, format: logFormat ?? 'json' });
  const basePath = parseBasePath('basePath', options.basePath ?? config.http.basePath);
  const opened = createDisposer((name, error) => log.error({ err: error }, `closing ${name} failed`));
  const stopping = new AbortController();
  const authKeys = createAuthKeys(config);
  let url = '';
  let metricsUrl: string | null = null;
  let drain: (hurry: boolean) => Promise<void> = () => Promise.resolve();
  let starting: Promise<void> | undefined;

  async function start(): Promise<void> {
    // What is opened after a stop, nobody would close.
    stopping.signal.throwIfAborted();
    const version = readVersion();
    const base: Base = {
      config,
      clock,
      ids,
      chance,
      log,
      metrics: createMetrics({ version }),
      tracing: createTracing({ version }),
      opened,
      stopping: stopping.signal,
    };
    const giveBackPort =
      options.server === undefined
        ? answerWhileStarting({ ...config.http, allowedOrigins: config.allowedOrigins, basePath, clock })
        : null;
    if (giveBackPort !== null) opened.add('answers while starting', giveBackPort);
    const foundation = await openFoundation(base);
    const { presence, transport } = assemble(base, foundation, {
      keys: authKeys.current,
      server: options.server,
      identify: options.identify,
      basePath,
    });
    metricsUrl = await serveMetrics(base, basePath);
    await Promise.race([presence.started, sleep(clock, PRESENCE_PATIENCE_MS)]);
    stopping.signal.throwIfAborted();
    opened.add('transport', () => transport.stop());
    transport.start();
    await giveBackPort?.();
    const port =
      options.server === undefined ? await transport.listen(config.http.port, config.http.host) : null;
    url = urlOf(config.http.host, port, basePath);
    drain = (hurry) =>
      transport.drain(
        hurry
          ? { delayMs: 0, windowMs: 0 }
          : { delayMs: config.drainDelayMs, windowMs: config.drainWindowMs },
      );
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
