import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findProgram } from '../../tests/testkit/services/programs.js';
import { runLoad, type LoadOptions, type Phase } from '../lib/load.js';
import { LOAD_CORE, SERVER_CORE } from '../lib/machine.js';
import { createVisitor, forEachNumber, MADANG_SETTINGS } from '../lib/madang.js';
import { start } from '../lib/processes.js';
import { interleaved, type Scenario, type Size } from '../lib/scenario.js';

const BENCH = fileURLToPath(new URL('..', import.meta.url));
const ENTRY_POINT = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const ROOM_COUNTS = [100, 1000, 10_000];
const MANY_ROOMS = 100_000;
const TOUCHES_PER_SECOND = 1000;
const READS_PER_SECOND = 200;
const READERS = 20;

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

interface Folder {
  readonly path: string;
  readonly file: (name: string, lines: readonly string[]) => string;
}

async function inFolder<Result>(act: (folder: Folder) => Promise<Result>): Promise<Result> {
  const path = mkdtempSync(join(tmpdir(), 'madang-bench-'));
  const file = (name: string, lines: readonly string[]): string => {
    writeFileSync(join(path, name), lines.map((line) => `${line}\n`).join(''));
    return join(path, name);
  };
  try {
    return await act({ path, file });
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
}

function phaseOf(done: ReadonlyMap<string, Phase>, name: string): Phase {
  const phase = done.get(name);
  if (phase === undefined) throw new Error(`the phase ${name} is missing`);
  return phase;
}

/** Reads of the first page in a closed loop, then some a second while rooms are visited. */
const madangWith = (count: number, size: Size): Promise<Record<string, number>> =>
  inFolder(async ({ path, file }) => {
    const rooms = join(path, 'rooms');
    const env = { DATA_DIR: join(path, 'data'), COUNT: String(count), ROOMS_FILE: rooms };
    const filled = start(LOAD_CORE, process.execPath, [join(BENCH, 'storage', 'fill-rooms.js')], env);
    await filled.said(/filled/);
    await filled.stop();
    const server = start(SERVER_CORE, process.execPath, [ENTRY_POINT], { ...MADANG_SETTINGS, ...env });
    try {
      const [, port = ''] = await server.said(/Madang is ready: chat http:\/\/[^:]+:(\d+)/);
      const url = `http://127.0.0.1:${port}/graphql`;
      const options = {
        ...OURS,
        port,
        pid: server.child.pid,
        rooms,
        tokens: file('tokens', await forEachNumber(READERS, () => createVisitor(url))),
      };
      const reads = await runLoad({ ...options, senders: 0 }, [
        `http:read:${size.ms(1000)}:${size.ms(2500)}`,
      ]);
      const touched = await runLoad({ ...options, senders: 50, probes: READS_PER_SECOND }, [
        `rate:touched:${TOUCHES_PER_SECOND}:1:${size.ms(2000)}:${size.ms(4000)}`,
      ]);
      const { answers, seconds, cpuUs } = phaseOf(reads, 'read');
      const busy = phaseOf(touched, 'touched');
      return {
        readsPerSecond: answers / seconds,
        cpuUsPerRead: cpuUs / answers,
        touchesPerSecond: busy.sent / busy.seconds,
        readP50MsUnderTouches: busy.httpUs.p50 / 1000,
        readP99MsUnderTouches: busy.httpUs.p99 / 1000,
      };
    } finally {
      await server.stop();
    }
  });

const plainWith = (count: number, size: Size): Promise<Record<string, number>> =>
  inFolder(async ({ path, file }) => {
    const socket = join(path, 'redis.sock');
    const program = await findProgram('redis');
    if (program.kind !== 'redis-server')
      throw new Error('This benchmark needs redis-server on this machine.');
    const redis = start(
      SERVER_CORE,
      program.command,
      ['--port', '0', '--unixsocket', socket, '--save', ''],
      {},
    );
    try {
      await redis.said(/Ready to accept connections|ready to accept connections/);
      const rooms = file(
        'rooms',
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
  });

/** The first page of the list of rooms: how its cost grows with the rooms, against the way one writes it first. */
export const ranking: Scenario = async (size) => {
  const counts = size.tiny ? [10, 100] : ROOM_COUNTS;
  const many = size.tiny ? 1000 : MANY_ROOMS;
  const names = [
    ...counts.flatMap((count) => [`madang, ${count} rooms`, `plain, ${count} rooms`]),
    `madang, ${many} rooms`,
  ];
  const rounds = await interleaved(size, names, (name) => {
    const count = Number(/\d+/.exec(name)?.[0]);
    return name.startsWith('madang') ? madangWith(count, size) : plainWith(count, size);
  });
  const reads = (name: string, round: (typeof rounds)[number]): number =>
    round[name]?.['readsPerSecond'] ?? Number.NaN;
  const few = size.tiny ? 100 : 1000;
  return {
    rounds,
    ratios: {
      [`ranking.${many} rooms against ${few}`]: (round) =>
        reads(`madang, ${few} rooms`, round) / reads(`madang, ${many} rooms`, round),
      ...Object.fromEntries(
        counts.map((count) => [
          `ranking.plain ${count}`,
          (round: (typeof rounds)[number]) =>
            reads(`madang, ${count} rooms`, round) / reads(`plain, ${count} rooms`, round),
        ]),
      ),
    },
    figures: {
      ranking: {
        rooms: many,
        readP99MsUnderTouches: rounds.map(
          (round) => round[`madang, ${many} rooms`]?.['readP99MsUnderTouches'],
        ),
      },
    },
  };
};
