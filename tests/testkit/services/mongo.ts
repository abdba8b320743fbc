import { MongoClient, type Document } from 'mongodb';
import { findProgram, type Program } from './programs.js';
import { startServer, type Place, type ServerProcess } from './server-process.js';

export interface MongoServer extends ServerProcess {
  /** URL of a database on it. */
  url(database: string): string;
  /** The server's own name and version. */
  readonly version: string;
}

const HOST = '127.0.0.1';
const ANSWER_MS = 2_000;
const REPLICA_SET = 'madang';
const CONTAINER_PORT = 27_017;
/**
 * `secantusd-rs` remembers each retryable write, and from the ten thousandth on sorts all of them with each further
 * one (`TransactionRegistry::prune_retryable` in a profile): an insert that took it 1.4 ms then takes 3.5 ms of
 * processor. Nothing is lost without the driver's retries: a writer finds out for itself what became
 * of an insert. The suites of the stores run with them (`withDriverRetries`).
 */
const UNREMEMBERED_WRITES = '&retryWrites=false';

/** The same URL, as an operator would write it: the driver tries a write once more that a lost connection ended. */
export const withDriverRetries = (url: string): string => url.replace(UNREMEMBERED_WRITES, '');

/**
 * Starts a server of our own that speaks MongoDB's protocol, as a replica set of one member. What it
 * acknowledged survives `kill`.
 *
 * @throws Error with one line that says what to install.
 */
export async function startMongo(program?: Program): Promise<MongoServer> {
  const found = program ?? (await findProgram('mongo'));
  const inContainer = found.kind === 'container';
  const server = await startServer({
    name: 'mongo',
    ...(inContainer ? { engine: found.command } : {}),
    command: (place) => commandOf(found, place),
    // Inside a container the server knows itself by its own port.
    answers: ({ port }) => isPrimary(port, inContainer ? CONTAINER_PORT : port),
  });
  const retries = found.kind === 'secantusd' ? UNREMEMBERED_WRITES : '';
  const url = (database: string): string =>
    `mongodb://${HOST}:${server.port}/${database}?directConnection=true${retries}`;
  return { ...server, url, version: await mongoVersion(url('admin')) };
}

function commandOf(program: Program, place: Place) {
  const { command } = program;
  if (program.kind === 'secantusd' || program.kind === 'secantusd-py') {
    const own = ['--host', HOST, '--port', String(place.port), '--storage-path', place.folder];
    const durable = ['--cache-size', '256M', '--sync-on-commit', '--log-level', 'WARNING'];
    const special = program.kind === 'secantusd' ? ['--log-file-max', '128MB'] : ['--enable-test-commands'];
    return { command, args: [...own, ...durable, ...special] };
  }
  const settings = ['--replSet', REPLICA_SET, '--wiredTigerCacheSizeGB', '0.25', '--quiet'];
  if (program.kind === 'mongod') {
    const own = ['--bind_ip', HOST, '--port', String(place.port), '--dbpath', place.folder];
    return { command, args: [...own, ...settings] };
  }
  const user = `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`;
  return {
    command,
    args: [
      ...['run', '--rm', '--name', place.containerName, '--user', user],
      ...['--publish', `${HOST}:${place.port}:${CONTAINER_PORT}`, '--volume', `${place.folder}:/data/db`],
      ...[program.image ?? '', 'mongod', '--bind_ip_all', ...settings],
    ],
  };
}

/** Tells the primary on this port to step down for so many seconds, as before planned work on it. */
export async function stepDown(port: number, seconds: number): Promise<void> {
  const url = `mongodb://${HOST}:${port}/?directConnection=true`;
  await asking(url, (command) => command({ replSetStepDown: seconds, force: true }));
}

/** Whether a writable primary of a replica set answers. One that was never set up is told to become it. */
function isPrimary(port: number, ownPort: number): Promise<boolean> {
  return asking(`mongodb://${HOST}:${port}/?directConnection=true`, async (command) => {
    const hello = await command({ hello: 1 });
    if (hello['isWritablePrimary'] === true && typeof hello['setName'] === 'string') return true;
    if (hello['isreplicaset'] === true) {
      const members = [{ _id: 0, host: `${HOST}:${ownPort}` }];
      await command({ replSetInitiate: { _id: REPLICA_SET, members } }).catch(() => undefined);
    }
    return false;
  }).catch(() => false);
}

/** Name and version that the server at this URL gives itself. */
export function mongoVersion(url: string): Promise<string> {
  return asking(url, async (command) => {
    const info = await command({ buildInfo: 1 });
    const own: unknown = info['secantusVersion'];
    const spoken = String(info['version']);
    return typeof own === 'string' ? `SecantusDB ${own} (speaks MongoDB ${spoken})` : `MongoDB ${spoken}`;
  });
}

/** Drops the databases whose name begins with `prefix`. */
export function dropDatabases(url: string, prefix: string): Promise<void> {
  return asking(url, async (command, client) => {
    const { databases } = (await command({ listDatabases: 1, nameOnly: true })) as {
      databases: { name: string }[];
    };
    for (const { name } of databases) if (name.startsWith(prefix)) await client.db(name).dropDatabase();
  });
}

async function asking<Answer>(
  url: string,
  question: (command: (what: Document) => Promise<Document>, client: MongoClient) => Promise<Answer>,
): Promise<Answer> {
  const client = new MongoClient(url, {
    serverSelectionTimeoutMS: ANSWER_MS,
    connectTimeoutMS: ANSWER_MS,
    socketTimeoutMS: ANSWER_MS * 5,
  });
  try {
    return await question((what) => client.db('admin').command(what), client);
  } finally {
    await client.close();
  }
}
