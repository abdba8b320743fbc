import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findProgram } from '../../tests/testkit/services/programs.js';
import { runLoad, type LoadOptions, type Phase } from './load.js';
import { LOAD_CORE, SERVER_CORE } from './machine.js';
import { createVisitor, forEachNumber, MADANG_SETTINGS } from './madang.js';
import { start, type Running } from './processes.js';
import type { Metrics } from './report.js';
import type { Size } from './scenario.js';

const BENCH = fileURLToPath(new URL('..', import.meta.url));
const ENTRY_POINT = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const TOUCHES_PER_SECOND = 1000;
const READS_PER_SECOND = 200;
const READERS = 20;
const SENDERS = 50;

const READ = '{ rooms(first: 50) { nodes { id name recentVisitorCount onlineCount messageCount } } }';
const VISIT = 'mutation($input: VisitRoomInput!) { visitRoom(input: $input) { userErrors { code } } }';
const OURS: LoadOptions = {
  init: '{"type":"connection_init"}',
  sending: JSON.stringify({
    id: '%I',
    type: 'subscribe',
    payload: { query: VISIT, variables: { input: { roomId: '%R' } } },
  }),
  receipt: '"userErrors":[]',
  body: JSON.stringify({ query: READ }),
  http: READERS,
};

/** A folder with things for one benchmark. */
export interface Folder {
  readonly path: string;
  readonly file: (name: string, lines: readonly string[]) => string;
  readonly remove: () => void;
}

export function makeFolder(): Folder {
  const path = mkdtempSync(join(tmpdir(), 'madang-bench-'));
  return {
    path,
    file(name, lines) {
      writeFileSync(join(path, name), lines.map((line) => `${line}\n`).join(''));
      return join(path, name);
    },
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}

function phaseOf(done: ReadonlyMap<string, Phase>, name: string): Phase {
  const phase = done.get(name);
  if (phase === undefined) throw new Error(`the phase ${name} is missing`);
  return phase;
}

/** A data folder with so many rooms, and the file that names the first of them. */
export interface Filled {
  readonly dataDir: string;
  readonly roomsFile: string;
}

export async function fillRooms({ path }: Folder, count: number): Promise<Filled> {
  const filled = { dataDir: join(path, `data-${count}`), roomsFile: join(path, `rooms-${count}`) };
  const env = { DATA_DIR: filled.dataDir, COUNT: String(count), ROOMS_FILE: filled.roomsFile };
  const filling = start(LOAD_CORE, process.execPath, [join(BENCH, 'storage', 'fill-rooms.js')], env);
  await filling.said(/filled/);
  await filling.stop();
  return filled;
}

/** Madang over a filled folder, and its address. */
export async function startOver(
  { dataDir }: Filled,
  nodeOptions: readonly string[] = [],
): Promise<{ server: Running; port: string; url: string }> {
  const env = { ...MADANG_SETTINGS, DATA_DIR: dataDir, ENTRY_POINT };
  const server = start(SERVER_CORE, process.execPath, [...nodeOptions, ENTRY_POINT], env);
  const [, port = ''] = await server.said(/Madang is ready: chat http:\/\/[^:]+:(\d+)/);
  return { server, port, url: `http://127.0.0.1:${port}/graphql` };
}

/** Reads of the first page in a closed loop. With `touched`, then some a second while rooms are visited. */
export async function madangList(
  folder: Folder,
  filled: Filled,
  size: Size,
  touched: boolean,
): Promise<Metrics> {
  const { server, port, url } = await startOver(filled);
  try {
    const options = {
      ...OURS,
      port,
      pid: server.child.pid,
      rooms: filled.roomsFile,
      tokens: folder.file('tokens', await forEachNumber(READERS, () => createVisitor(url))),
    };
    const reading = await runLoad({ ...options, senders: 0 }, [
      `http:read:${size.ms(1000)}:${size.ms(2500)}`,
    ]);
    const { answers, seconds, cpuUs } = phaseOf(reading, 'read');
    const quiet = { readsPerSecond: answers / seconds, cpuUsPerRead: cpuUs / answers };
    if (!touched) return quiet;
    const visiting = await runLoad({ ...options, senders: SENDERS, probes: READS_PER_SECOND }, [
      `rate:touched:${TOUCHES_PER_SECOND}:1:${size.ms(2000)}:${size.ms(4000)}`,
    ]);
    const busy = phaseOf(visiting, 'touched');
    return {
      ...quiet,
      touchesPerSecond: busy.sent / busy.seconds,
      readP50MsUnderTouches: busy.httpUs.p50 / 1000,
      readP99MsUnderTouches: busy.httpUs.p99 / 1000,
    };
  } finally {
    await server.stop();
  }
}

/** A Redis on the server's core, and the path of its socket. */
export async function startRedisIn(folder: Folder): Promise<{ redis: Running; socket: string }> {
  const socket = join(folder.path, 'redis.sock');
  const program = await findProgram('redis');
  if (program.kind !== 'redis-server') throw new Error('This benchmark needs redis-server on this machine.');
  const args = ['--port', '0', '--unixsocket', socket, '--save', ''];
  const redis = start(SERVER_CORE, program.command, args, {});
  await redis.said(/Ready to accept connections|ready to accept connections/);
  return { redis, socket };
}

/** The same reads from a sorted set per room. */
export async function plainList(folder: Folder, count: number, size: Size): Promise<Metrics> {
  const { redis, socket } = await startRedisIn(folder);
  try {
    const rooms = folder.file(
      'plain-rooms',
      Array.from({ length: count }, () => randomUUID()),
    );
    const server = start(SERVER_CORE, process.execPath, [join(BENCH, 'contenders', 'ranking-plain.js')], {
      REDIS_SOCKET: socket,
      ROOMS_FILE: rooms,
    });
    try {
      const [, port = ''] = await server.said(/listening (\d+)/);
      const options = { body: OURS['body'], http: READERS, port, pid: server.child.pid, rooms, senders: 0 };
      const done = await runLoad(options, [`http:read:${size.ms(1000)}:${size.ms(2500)}`]);
      const { answers, seconds, cpuUs } = phaseOf(done, 'read');
      // Redis' own work, on the same core, is in the rate and not in the processor time.
      return { readsPerSecond: answers / seconds, cpuUsPerRead: cpuUs / answers };
    } finally {
      await server.stop();
    }
  } finally {
    await redis.stop();
  }
}
