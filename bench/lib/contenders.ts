import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { randomUUID } from 'node:crypto';
import { buildCentrifuge, CENTRIFUGE } from './centrifuge.js';
import type { LoadOptions } from './load.js';
import { SERVER_CORE } from './machine.js';
import { MADANG_SETTINGS, seedMadang } from './madang.js';
import { start, type Running } from './processes.js';

const BENCH = fileURLToPath(new URL('..', import.meta.url));
const ENTRY_POINT = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

/** Madang that also takes lines: see that file. */
const INJECTED = join(BENCH, 'contenders', 'injected.js');

/** Madang without what protects and watches it: see that file. */
const BARE = join(BENCH, 'contenders', 'bare.js');
const BARE_SETTINGS: Readonly<Record<string, string>> = { RATE_LIMITS: 'off', LOG_LEVEL: 'silent' };

export interface Contender {
  readonly name: string;
  readonly pid: number;
  readonly port: number;
  readonly running: Running;
  /** How the load client must speak to it. */
  readonly options: LoadOptions;
  /** The ids of its rooms. */
  readonly rooms: readonly string[];
  /** A file for the load client. */
  readonly file: (name: string, lines: readonly string[]) => string;
  readonly stop: () => Promise<void>;
}

/** What there is before the load begins. */
export interface Setting {
  readonly rooms: number;
  readonly subscribers: number;
  /** How many HTTP connections send as somebody. */
  readonly visitors?: number;
  /** Messages come as lines of a plain connection, after all that a server does before it accepts one, and are not stored. */
  readonly lines?: boolean;
  /** Starts Node with these switches. */
  readonly nodeOptions?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const SELECTION = 'message { id text createdAt author { id displayName } }';
const SUBSCRIPTION = `subscription Live($room: ID!, $after: String) { messageAdded(roomId: $room, after: $after) { ${SELECTION} } }`;
const SEND = `mutation Send($input: SendMessageInput!) { sendMessage(input: $input) { message { id } userErrors { code } } }`;
const SEND_AND_READ = `mutation Send($input: SendMessageInput!) { sendMessage(input: $input) { ${SELECTION} userErrors { code } } }`;

const frame = (query: string, variables: object): string =>
  JSON.stringify({ id: '%I', type: 'subscribe', payload: { query, variables } });

/** How the load client speaks GraphQL. */
export const GRAPHQL: LoadOptions = {
  init: '{"type":"connection_init"}',
  subscription: frame(SUBSCRIPTION, { room: '%R', after: '%A' }),
  sending: frame(SEND, { input: { roomId: '%R', text: '%T' } }),
  receipt: '"userErrors":[]',
  body: JSON.stringify({ query: SEND_AND_READ, variables: { input: { roomId: '%R', text: '%T' } } }),
  echoed: 1,
};

/** For who may be told to have skipped messages. */
export const FRAMES_WITH_SKIPS: LoadOptions = {
  subscription: frame(SUBSCRIPTION.replace(SELECTION, `skippedCount ${SELECTION}`), {
    room: '%R',
    after: '%A',
  }),
  skips: 1,
};

const RAW: LoadOptions = {
  ...GRAPHQL,
  init: '',
  subscription: '{"type":"subscribe","id":"%I","room":"%R","after":"%A"}',
  sending: '{"type":"send","id":"%I","room":"%R","text":"%T"}',
  receipt: '"sent"',
  // The same bytes go to everybody, so the id in them is the room's.
  'check-ids': 0,
};

const LINES = /taking lines at (\d+)/;

/** So long nothing must come before everybody counts as subscribed: who subscribes later cannot read what is not stored. */
const SUBSCRIBED_AFTER_MS = 2000;

/** How the load client sends lines. */
const byLines = async (running: Running): Promise<LoadOptions> => ({
  'quiet-ms': SUBSCRIBED_AFTER_MS,
  'send-lines': 1,
  'send-port': (await running.said(LINES))[1],
  sending: '%R %T\n',
});

/** Mercurius takes no mutations over WebSocket. */
const MERCURIUS: LoadOptions = { ...GRAPHQL, 'send-over-http': 1, sending: GRAPHQL['body'] };

/** Each is a file of `contenders/`, but for Madang itself: the built entry point. */
const PEERS: Readonly<Record<string, { file: string; options: LoadOptions; env?: Record<string, string> }>> =
  {
    'raw ws': { file: 'raw-ws.js', options: RAW },
    'raw http': { file: 'raw-http.js', options: GRAPHQL },
    yoga: { file: 'yoga.js', options: GRAPHQL },
    'graphql-ws': { file: 'graphql-ws.js', options: GRAPHQL },
    mercurius: { file: 'mercurius.js', options: MERCURIUS },
    'mercurius jit': { file: 'mercurius.js', options: MERCURIUS, env: { JIT: '1' } },
    apollo: { file: 'apollo.js', options: GRAPHQL },
  };

/** Installs the peers on first use; they are none of Madang's own dependencies. */
export function installPeers(): void {
  if (existsSync(join(BENCH, 'node_modules', 'mercurius'))) return;
  console.log('Installing the peers …');
  const { status } = spawnSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: BENCH,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (status !== 0) throw new Error('The peers of the benchmarks could not be installed.');
}

/** Ids of rooms, for peers that are told which there are. */
export const peerRooms = (count: number): string[] =>
  Array.from({ length: count }, () => Buffer.from(`Room:${randomUUID()}`).toString('base64url'));

export async function startContender(name: string, setting: Setting): Promise<Contender> {
  const folder = mkdtempSync(join(tmpdir(), 'madang-bench-'));
  const file = (fileName: string, lines: readonly string[]): string => {
    const path = join(folder, fileName);
    writeFileSync(path, lines.map((line) => `${line}\n`).join(''));
    return path;
  };
  const finish = async (
    running: Running,
    port: number,
    rooms: readonly string[],
    options: LoadOptions,
  ): Promise<Contender> => ({
    name,
    pid: running.child.pid ?? 0,
    port,
    running,
    rooms,
    options: {
      port,
      pid: running.child.pid,
      ...options,
      ...(setting.lines === true ? await byLines(running) : {}),
    },
    file,
    async stop() {
      await running.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  });
  const nodeOptions = setting.nodeOptions ?? [];
  const dataDir = join(folder, 'data');
  const bare = name === 'madang bare';
  if (name === 'madang' || bare) {
    const imported = bare ? BARE : setting.lines === true ? INJECTED : null;
    const switches = imported === null ? nodeOptions : ['--import', imported, ...nodeOptions];
    const running = start(SERVER_CORE, process.execPath, [...switches, ENTRY_POINT], {
      ...MADANG_SETTINGS,
      ...(bare ? BARE_SETTINGS : {}),
      ...setting.env,
      DATA_DIR: dataDir,
    });
    const [, port = ''] = await running.said(/Madang is ready: chat http:\/\/[^:]+:(\d+)/);
    const seeded = await seedMadang(`http://127.0.0.1:${port}/graphql`, setting);
    return finish(running, Number(port), seeded.rooms, {
      ...GRAPHQL,
      rooms: file('rooms', seeded.rooms),
      cursors: file('cursors', seeded.cursors),
      tokens: file('tokens', seeded.tokens),
    });
  }
  const rooms = peerRooms(setting.rooms);
  const roomsFile = file('rooms', rooms);
  const program = name === 'centrifuge' ? buildCentrifuge() : undefined;
  if (program !== undefined) {
    const running = start(SERVER_CORE, program, [], { GOMAXPROCS: '1' });
    const [, port = ''] = await running.said(/listening (\d+)/);
    return finish(running, Number(port), rooms, { ...CENTRIFUGE, rooms: roomsFile });
  }
  const peer = PEERS[name];
  if (peer === undefined) throw new Error(`There is no contender ${name}.`);
  const running = start(
    SERVER_CORE,
    process.execPath,
    [...nodeOptions, join(BENCH, 'contenders', peer.file)],
    {
      DATA_DIR: dataDir,
      ROOMS_FILE: roomsFile,
      ...peer.env,
    },
  );
  const [, port = ''] = await running.said(/listening (\d+)/);
  // The peers take a cursor and do nothing with it: they keep no history to go back to.
  const cursors = file(
    'cursors',
    Array.from({ length: setting.subscribers }, () => randomUUID()),
  );
  return finish(running, Number(port), rooms, { ...peer.options, rooms: roomsFile, cursors });
}
