import { Cluster, Redis, type RedisOptions } from 'ioredis';
import type { Clock } from '../lib/clock.js';
import type { Logger } from '../lib/logger.js';
import type { Metrics } from '../lib/metrics.js';

/** A server, or a cluster of them: the same commands. */
export type RedisClient = Redis | Cluster;

/** Both connections of one instance to Redis. Whoever uses them expects every call to fail. */
export interface RedisConnection {
  /**
   * For commands. Each fails after `COMMAND_TIMEOUT_MS` at the latest, and at once while Redis is away; none is
   * kept for later or sent twice. What failed may have happened.
   */
  readonly commands: RedisClient;
  /**
   * For SUBSCRIBE alone. After a reconnect (`ready`) nothing is subscribed until somebody does so; what is sent
   * before `ready` is refused.
   */
  readonly subscriber: RedisClient;
  /** The full name of a key: all keys of one chat carry one hash tag, so that scripts may touch several. */
  key(name: string): string;
  /** Prefix of all channels. */
  readonly prefix: string;
  /** `degraded` while Redis is away: the chat goes on. */
  status(): 'ok' | 'degraded';
  /** Ends both within `STOP_MS`, whatever state Redis is in. Twice does nothing. */
  stop(): Promise<void>;
}

/** How long a command may take, in milliseconds. */
const COMMAND_TIMEOUT_MS = 500;
/** How long a socket may owe an answer before it is opened anew: a paused Redis keeps its sockets open. */
const SOCKET_TIMEOUT_MS = 2000;
const CONNECT_TIMEOUT_MS = 2000;
const RECONNECT_STEP_MS = 50;
const MAX_RECONNECT_DELAY_MS = 1000;
/** How long a socket may take to end politely before it is cut. */
const DISCONNECT_TIMEOUT_MS = 200;
const STOP_MS = 500;
/** Both connections are opened anew at most this often because they led to a replica; each time in vain doubles it. */
const MIN_MOVE_PAUSE_MS = 2000;
const MAX_MOVE_PAUSE_MS = 30_000;
/** Something is written each second: who was not refused for so long has the master. */
const MOVED_AFTER_MS = 5000;

const reconnectDelay = (tries: number): number => Math.min(tries * RECONNECT_STEP_MS, MAX_RECONNECT_DELAY_MS);

const common: RedisOptions = {
  connectTimeout: CONNECT_TIMEOUT_MS,
  socketTimeout: SOCKET_TIMEOUT_MS,
  disconnectTimeout: DISCONNECT_TIMEOUT_MS,
  retryStrategy: reconnectDelay,
  enableOfflineQueue: false,
};
const forCommands: RedisOptions = {
  ...common,
  commandTimeout: COMMAND_TIMEOUT_MS,
  // 0: what was under way when the connection broke fails at once instead of being sent again.
  maxRetriesPerRequest: 0,
};
const forSubscriber: RedisOptions = {
  ...common,
  maxRetriesPerRequest: null,
  // ioredis catches no failure of its own SUBSCRIBE after a reconnect: it would end the process.
  autoResubscribe: false,
};

/**
 * While a slot moves, ioredis (5.11) sends ASKING ahead of each command and leaves its failure to nobody: a node that was
 * slow to answer ended the process. The command behind it fails as well, and is heard.
 */
function heedAsking(node: Redis): void {
  const ask = node.asking.bind(node);
  node.asking = () => {
    const asked = ask();
    asked.catch(() => undefined);
    return asked;
  };
}

function open(urls: readonly string[], options: RedisOptions): RedisClient {
  const [first = ''] = urls;
  if (urls.length === 1) return new Redis(first, options);
  const seeds = urls.map((url) => new URL(url));
  const { username, password, protocol } = new URL(first);
  const encrypted = protocol === 'rediss:';
  const cluster = new Cluster(
    seeds.map(({ hostname, port }) => ({
      host: hostname.replace(/^\[|\]$/g, ''),
      port: Number(port) || 6379,
    })),
    {
      redisOptions: {
        ...options,
        ...(username === '' ? {} : { username: decodeURIComponent(username) }),
        ...(password === '' ? {} : { password: decodeURIComponent(password) }),
        ...(encrypted ? { tls: {} } : {}),
      },
      // Certificates carry names: the nodes' names must not be resolved to addresses first.
      ...(encrypted ? { dnsLookup: (address, callback) => callback(null, address) } : {}),
      clusterRetryStrategy: reconnectDelay,
      slotsRefreshTimeout: CONNECT_TIMEOUT_MS,
      enableOfflineQueue: false,
    },
  );
  return cluster.on('+node', heedAsking);
}

/** Of a cluster that does not answer ioredis says no more than that; the last node that it asked said why. */
const reasonOf = (error: unknown): unknown =>
  error instanceof Error && 'lastNodeError' in error ? (error.lastNodeError ?? error) : error;

/** Whether Redis refused the database of the URL. ioredis would go on in database 0, which may be another chat's. */
function isOfDatabase(error: unknown): boolean {
  const command: unknown = error instanceof Error ? Reflect.get(error, 'command') : undefined;
  return typeof command === 'object' && command !== null && Reflect.get(command, 'name') === 'select';
}

/**
 * ioredis (5.11) lets the timer of a command that was under way when its connection broke run on, and cuts the next
 * connection by it. It opens another client for each connection to a cluster.
 */
function forgetSocketTimer(client: RedisClient): void {
  clearTimeout(Number(Reflect.get(client, 'socketTimeoutTimer')));
  Reflect.set(client, 'socketTimeoutTimer', undefined);
}

/**
 * Opens both connections and returns at once: with Redis away it begins degraded and connects when Redis comes.
 *
 * @param urls - one `redis://` or `rediss://` URL, or several: the seeds of a cluster, whose user and password are
 *   those of the first.
 */
export function connectRedis(deps: {
  urls: readonly string[];
  prefix: string;
  clock: Pick<Clock, 'monotonic'>;
  log: Logger;
  metrics: Pick<Metrics, 'redisUp'>;
}): RedisConnection {
  const { urls, prefix, clock, log, metrics } = deps;
  /** When a connection was last opened anew because it led to a replica, and how long none is after that. */
  let move = { at: Number.NEGATIVE_INFINITY, pauseMs: 0 };

  /**
   * A master that was made a replica keeps its connections, though its address may lead to the new one: what cannot be
   * written asks again who is there. A cluster says so itself.
   */
  function reconnectOnError({ message }: Error): boolean {
    if (urls.length > 1 || !message.includes('READONLY')) return false;
    const at = clock.monotonic();
    const quietMs = at - move.at - move.pauseMs;
    if (quietMs < 0) return false;
    if (quietMs >= MOVED_AFTER_MS) {
      log.warn({ reason: message }, 'Redis is a replica; its address is asked again');
      move = { at, pauseMs: MIN_MOVE_PAUSE_MS };
    } else {
      move = { at, pauseMs: Math.min(2 * move.pauseMs, MAX_MOVE_PAUSE_MS) };
    }
    subscriber.disconnect(true);
    return true;
  }

  const subscriber = open(urls, forSubscriber);
  const commands = open(urls, { ...forCommands, reconnectOnError });
  let stopped: Promise<void> | undefined;
  let told: 'ok' | 'degraded' | 'unknown' = 'unknown';

  const status = () => (commands.status === 'ready' && subscriber.status === 'ready' ? 'ok' : 'degraded');

  /** One line per change, not one per attempt to reconnect. */
  function tell(error?: unknown): void {
    const now = status();
    metrics.redisUp.set(now === 'ok' ? 1 : 0);
    if (now === told || stopped !== undefined || (now === 'degraded' && error === undefined)) return;
    told = now;
    if (now === 'ok') log.info({}, 'Redis is connected');
    else log.warn({ err: reasonOf(error) }, 'Redis is away; the chat goes on without it');
  }

  for (const client of [commands, subscriber]) {
    client.on('error', (error: unknown) => {
      tell(error);
      if (isOfDatabase(error)) client.disconnect(true);
    });
    client.on('ready', () => tell());
    client.on('close', () => {
      forgetSocketTimer(client);
      tell(new Error('The connection to Redis ended.'));
    });
  }

  async function end(): Promise<void> {
    subscriber.disconnect();
    if (commands.status === 'ready') {
      // Lets what was sent before be answered.
      let timer: NodeJS.Timeout | undefined;
      const patience = new Promise((resolve) => {
        timer = setTimeout(resolve, STOP_MS);
      });
      await Promise.race([commands.quit().catch(() => undefined), patience]);
      clearTimeout(timer);
    }
    commands.disconnect();
  }

  return {
    commands,
    subscriber,
    prefix,
    key: (name) => `{${prefix}}:${name}`,
    status,
    stop: () => (stopped ??= end()),
  };
}

/**
 * What is wrong with where the one address leads, in words that say how to fix it: a node of a cluster has some of the
 * keys, and its client would follow none that are elsewhere. Null when all is well, or when Redis does not answer.
 */
export async function checkAddress({
  commands,
  key,
}: Pick<RedisConnection, 'commands' | 'key'>): Promise<string | null> {
  if (commands instanceof Cluster) return null;
  const answer = await commands.hexists(key('meta'), 'epoch').catch(String);
  if (!String(answer).includes('MOVED ')) return null;
  return (
    'this is one node of a Redis Cluster, which has only some of the keys. List several of its nodes, separated by ' +
    'commas; if one address leads to all of them, list it twice'
  );
}
