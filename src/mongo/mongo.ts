import { MongoClient, MongoServerError, ReadConcern, type Db, type ReadConcernLevel } from 'mongodb';
import { sleep, type Clock } from '../lib/clock.js';
import type { Logger } from '../lib/logger.js';
import { firstLine, StartError } from '../lib/start-error.js';
import { until } from '../lib/until.js';
import { isNotNow, within } from './answers.js';
import { checkDatabase, prepareDatabase } from './schema.js';

/** The database of a distributed chat, with what was found out about the server. */
export interface Mongo {
  /** Writes wait for a majority and its journal; reads see only what a majority has. */
  readonly db: Db;
  readonly client: MongoClient;
  /** The surest read level that this server has. */
  readonly surest: ReadConcernLevel;
  /** @throws CodedError `UNAVAILABLE` when the primary does not answer before `signal` aborts. */
  readonly ping: (signal: AbortSignal) => Promise<void>;
  /**
   * What MongoDB's clock shows, in ms since the epoch.
   *
   * @throws CodedError `UNAVAILABLE` when it does not answer before `signal` aborts.
   */
  readonly now: (signal: AbortSignal) => Promise<number>;
  /** Closes all connections. Twice is fine. */
  readonly stop: () => Promise<void>;
}

const DEFAULT_DATABASE = 'madang';
/** How long one question waits for a primary; the deadline of a request usually ends it first. */
const SELECTION_MS = 5000;
const CONNECT_MS = 5000;
/** How often the driver looks at the server: bounds how long a recovery goes unnoticed. */
const HEARTBEAT_MS = 2000;
const MAX_CONNECTIONS = 50;
/** An acknowledged write survives the loss of a member and of power. */
const DURABLE = { w: 'majority', journal: true } as const;
/** Between two tries to reach MongoDB at start. */
const RETRY_MS = 500;
/** Between two lines that say so. */
const REPORT_MS = 10_000;

const AUTHENTICATION_FAILED: ReadonlySet<number> = new Set([13, 18, 8000]);

class NoPrimaryError extends Error {}

/**
 * Connects, waiting for MongoDB as long as it takes, with a line in the log now and then, and prepares the
 * database.
 *
 * @param deps.keepVisitsMs - see `prepareDatabase`; null for who reads alone: nothing is prepared or changed.
 * @param deps.observe - is given each client before it connects.
 * @param deps.signal - gives up waiting, and throws its reason.
 * @throws StartError when the URL makes no sense, MongoDB refuses us, or the database is not fit for us.
 */
export async function openMongo(deps: {
  url: string;
  keepVisitsMs: number | null;
  clock: Clock;
  log: Logger;
  signal: AbortSignal;
  observe?: (client: MongoClient) => void;
}): Promise<Mongo> {
  const { url, keepVisitsMs, clock, log, signal, observe } = deps;
  let reportedAt = Number.NEGATIVE_INFINITY;
  for (;;) {
    signal.throwIfAborted();
    // A new one each time: a client whose first connection failed never connects again (mongodb 7.9).
    const client = newClient(url);
    checkName(client, databaseName(url));
    observe?.(client);
    try {
      return await until(signal, start(client, databaseName(url), keepVisitsMs, signal));
    } catch (error) {
      await client.close();
      signal.throwIfAborted();
      const hosts = client.options.srvHost ?? client.options.hosts.join(', ');
      if (!isNotNow(error) && !(error instanceof NoPrimaryError)) throw refusal(hosts, error);
      if (clock.monotonic() - reportedAt >= REPORT_MS) {
        reportedAt = clock.monotonic();
        log.warn({ reason: firstLine(error) }, `waiting for MongoDB at ${hosts} (MONGODB_URL)`);
      }
    }
    await sleep(clock, RETRY_MS);
  }
}

async function start(
  client: MongoClient,
  database: string,
  keepVisitsMs: number | null,
  signal: AbortSignal,
): Promise<Mongo> {
  const hello = await client.db('admin').command({ hello: 1 }, { signal });
  if (hello['isWritablePrimary'] !== true) throw new NoPrimaryError('no primary yet');
  const isReplicated = hello['setName'] !== undefined || hello['msg'] === 'isdbgrid';
  // A standalone has no majority to read from.
  const readConcern = new ReadConcern(isReplicated ? 'majority' : 'local');
  // Said again here: for the client, `journal=false` in the URL would count more.
  const db = client.db(database, { readConcern, writeConcern: DURABLE });
  await (keepVisitsMs === null ? checkDatabase(db) : prepareDatabase(db, keepVisitsMs));
  return {
    db,
    client,
    surest: isReplicated ? 'linearizable' : 'local',
    async ping(signal) {
      await within(signal, () => db.command({ ping: 1 }, { signal }));
    },
    async now(signal) {
      const hello = await within(signal, () => db.command({ hello: 1 }, { signal }));
      const { localTime }: { localTime?: unknown } = hello;
      if (!(localTime instanceof Date)) throw new Error('MongoDB did not tell its time');
      return localTime.getTime();
    },
    stop: () => client.close(),
  };
}

/** What ends the start rather than delays it, in words for the operator. */
function refusal(hosts: string, error: unknown): unknown {
  if (!(error instanceof MongoServerError)) return error;
  const why = AUTHENTICATION_FAILED.has(Number(error.code))
    ? 'refuses this user'
    : `refuses: ${firstLine(error)}`;
  return new StartError(`MONGODB_URL: MongoDB at ${hosts} ${why}`, { cause: error });
}

function newClient(url: string): MongoClient {
  try {
    return new MongoClient(url, {
      appName: 'madang',
      readPreference: 'primary',
      writeConcern: DURABLE,
      serverSelectionTimeoutMS: SELECTION_MS,
      connectTimeoutMS: CONNECT_MS,
      heartbeatFrequencyMS: HEARTBEAT_MS,
      maxPoolSize: MAX_CONNECTIONS,
      monitorCommands: true,
    });
  } catch (error) {
    // The driver's words may repeat the URL, and with it a password.
    const option = optionNamed(firstLine(error), url);
    const why =
      option === null
        ? 'is not a connection string that MongoDB understands'
        : `has an option that MongoDB's driver refuses here: ${option}`;
    throw new StartError(`MONGODB_URL ${why}`, { cause: error });
  }
}

/** MongoDB would refuse such a name with each command: without this a start waits for that to end. */
function checkName(client: MongoClient, database: string): void {
  try {
    client.db(database);
  } catch (error) {
    throw new StartError(`MONGODB_URL names a database as none can be called: ${database}`, { cause: error });
  }
}

/** The option of the URL that the driver's `words` are about, if any. A password lies before the last `@`. */
function optionNamed(words: string, url: string): string | null {
  const named = new Set(words.split(/\W+/));
  const options = url.slice(url.lastIndexOf('@') + 1).matchAll(/[?&](\w+)=/g);
  return Array.from(options, ([, name = '']) => name).find((name) => named.has(name)) ?? null;
}

/** Name of the database in the path of the URL, else our own. */
const databaseName = (url: string): string =>
  decodeURIComponent(/^[^/]*\/\/[^/]*\/([^/?]+)/.exec(url)?.[1] ?? DEFAULT_DATABASE);
