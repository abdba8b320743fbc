import { Redis } from 'ioredis';
import { findProgram, type Program } from './programs.js';
import { startServer, type CommandLine, type Place, type ServerProcess } from './server-process.js';

export interface RedisOptions {
  /** More options of the server, as on its command line, for example `['--appendonly', 'yes']`. */
  readonly args?: readonly string[];
  /** Gives it a file system of its own of that many bytes for its data. Needs Linux and the right to mount. */
  readonly diskBytes?: number;
}

export interface RedisServer extends ServerProcess {
  readonly url: string;
  /** The server's own name and version. */
  readonly version: string;
}

const HOST = '127.0.0.1';
const ANSWER_MS = 2_000;

/**
 * Starts a Redis of our own. It keeps nothing over a restart unless `args` say so, and never evicts.
 *
 * @throws Error with one line that says what to install.
 */
export async function startRedis(options: RedisOptions = {}, program?: Program): Promise<RedisServer> {
  const found = program ?? (await findProgram('redis'));
  const inContainer = found.kind === 'container';
  const server = await startServer({
    name: 'redis',
    ...(inContainer ? { engine: found.command } : {}),
    command(place) {
      const line = commandOf(found, place, options.args ?? []);
      if (options.diskBytes === undefined) return line;
      if (inContainer) throw new Error('No small file system for a container: install redis-server');
      return onSmallDisk(line, place.folder, options.diskBytes);
    },
    answers: async ({ port }) => (await ask(port)) !== null,
  });
  const version = (await ask(server.port)) ?? 'Redis';
  return { ...server, url: `redis://${HOST}:${server.port}`, version };
}

/** The same program in a mount namespace in which `folder` is a small file system. */
function onSmallDisk({ command, args }: CommandLine, folder: string, bytes: number): CommandLine {
  const script = 'mount -t tmpfs -o size="$1" tmpfs "$2" && shift 2 && exec "$@"';
  return {
    command: 'unshare',
    args: ['--map-root-user', '--mount', 'sh', '-c', script, 'sh', String(bytes), folder, command, ...args],
  };
}

function commandOf(program: Program, place: Place, args: readonly string[]): CommandLine {
  const settings = [
    ...['--save', '', '--appendonly', 'no', '--maxmemory-policy', 'noeviction'],
    ...['--loglevel', 'warning', '--protected-mode', 'no'],
    ...args,
  ];
  if (program.kind !== 'container') {
    const own = ['--port', String(place.port), '--bind', HOST, '--dir', place.folder];
    return { command: program.command, args: [...own, ...settings] };
  }
  const user = `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`;
  return {
    command: program.command,
    args: [
      ...['run', '--rm', '--name', place.containerName, '--user', user],
      ...['--publish', `${HOST}:${place.port}:6379`, '--volume', `${place.folder}:/data`],
      ...[program.image ?? '', 'redis-server', '--dir', '/data', ...settings],
    ],
  };
}

/** Name and version of the Redis that answers on this port, or null when none is ready. */
async function ask(port: number): Promise<string | null> {
  const client = new Redis({
    host: HOST,
    port,
    lazyConnect: true,
    retryStrategy: () => null,
    connectTimeout: ANSWER_MS,
    commandTimeout: ANSWER_MS,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return redisVersion(await client.info('server'));
  } catch {
    return null;
  } finally {
    client.disconnect();
  }
}

/** The server's name and version, out of its own answer to `INFO server`. */
export function redisVersion(info: string): string {
  const field = (name: string): string | undefined => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1];
  const valkey = field('valkey_version');
  return valkey === undefined ? `Redis ${field('redis_version') ?? '?'}` : `Valkey ${valkey}`;
}
