import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startMongo } from '../../tests/testkit/services/mongo.js';
import { findProgram } from '../../tests/testkit/services/programs.js';
import { startRedis } from '../../tests/testkit/services/redis.js';
import { runLoad, type LoadOptions } from '../lib/load.js';
import { LOAD_CORE, SERVER_CORE } from '../lib/machine.js';
import { MADANG_SETTINGS, seedMadang } from '../lib/madang.js';
import { start, type Running } from '../lib/processes.js';
import { against } from '../lib/report.js';
import { interleaved, type Scenario, type Size } from '../lib/scenario.js';

const ENTRY_POINT = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const BARE_DRIVER = fileURLToPath(new URL('../storage/bare-mongo.js', import.meta.url));
/** How many connections send, over all instances. */
const SENDERS = 48;
const WARM_MS = 4000;
const MEASURED_MS = 8000;
const MS_PER_SECOND = 1000;

const SEND =
  'mutation($input: SendMessageInput!) { sendMessage(input: $input) { message { id text } userErrors { code } } }';
const SENDING: LoadOptions = {
  body: JSON.stringify({ query: SEND, variables: { input: { roomId: '%R', text: '%T' } } }),
  echoed: 1,
  senders: 0,
};

const INSTANCES = { 'three instances': 3, 'one instance': 1 } as const;

/** What the contenders stand on, fresh for each of them. */
async function onServices<Result>(
  act: (services: {
    readonly mongo: string;
    readonly redis: string;
    readonly folder: string;
  }) => Promise<Result>,
): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), 'madang-bench-'));
  const mongo = await startMongo(await findProgram('mongo'));
  const redis = await startRedis({}, await findProgram('redis'));
  try {
    return await act({ mongo: mongo.url('madang'), redis: redis.url, folder });
  } finally {
    await Promise.all([mongo.close(), redis.close()]);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A counter of an instance, summed over its labels. */
async function counted(instance: Running, name: string): Promise<number> {
  const [, url = ''] = await instance.said(/metrics (http:\S+?\/metrics)/);
  const lines = (await (await fetch(url)).text()).split('\n');
  return lines
    .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

const madang = (count: number, size: Size): Promise<Record<string, number>> =>
  onServices(async ({ mongo, redis, folder }) => {
    const env = {
      ...MADANG_SETTINGS,
      MONGODB_URL: mongo,
      REDIS_URL: redis,
      AUTH_KEYS: `bench:${randomBytes(32).toString('base64url')}`,
    };
    const instances = Array.from({ length: count }, (_, index) =>
      start(index % 2 === 0 ? SERVER_CORE : LOAD_CORE, process.execPath, [ENTRY_POINT], env),
    );
    try {
      const ports = await Promise.all(
        instances.map(async (instance) => {
          const [, port = ''] = await instance.said(/Madang is ready: chat http:\/\/[^:]+:(\d+)/);
          return port;
        }),
      );
      const seeded = await seedMadang(`http://127.0.0.1:${ports[0] ?? ''}/graphql`, {
        rooms: 1,
        subscribers: 1,
        visitors: SENDERS,
      });
      const rooms = join(folder, 'rooms');
      writeFileSync(rooms, `${seeded.rooms.join('\n')}\n`);
      const sum = async (name: string): Promise<number> =>
        (await Promise.all(instances.map((instance) => counted(instance, name)))).reduce((a, b) => a + b, 0);
      const loads = await Promise.all(
        instances.map((instance, index) => {
          const tokens = join(folder, `tokens-${index}`);
          const own = seeded.tokens.filter((_, number) => number % count === index);
          writeFileSync(tokens, `${own.join('\n')}\n`);
          const options = {
            ...SENDING,
            port: ports[index],
            pid: instance.child.pid,
            rooms,
            tokens,
            http: own.length,
          };
          return runLoad(options, [`http:send:${size.ms(WARM_MS)}:${size.ms(MEASURED_MS)}`]);
        }),
      );
      const phases = loads.flatMap((done) => done.get('send') ?? []);
      const worst = (of: 'p50' | 'p99' | 'max'): number =>
        Math.max(...phases.map(({ httpUs }) => httpUs[of])) / 1000;
      const inserts = await sum('chat_writer_batch_size_count');
      return {
        storedPerSecond: phases.reduce((total, { answers, seconds }) => total + answers / seconds, 0),
        ackP50Ms: worst('p50'),
        ackP99Ms: worst('p99'),
        ackMaxMs: worst('max'),
        // Of all inserts, also of those before the measurement.
        retriedShare: (await sum('chat_writer_conflicts_total')) / inserts,
        messagesPerInsert: (await sum('chat_writer_batch_size_sum')) / inserts,
      };
    } finally {
      await Promise.all(instances.map((instance) => instance.stop()));
    }
  });

const bareDriver = (size: Size): Promise<Record<string, number>> =>
  onServices(async ({ mongo }) => {
    const running = start(SERVER_CORE, process.execPath, [BARE_DRIVER], {
      MONGODB_URL: mongo,
      SENDERS: String(SENDERS),
      SECONDS: String(size.ms(MEASURED_MS) / MS_PER_SECOND),
    });
    try {
      const [, stored, p50, p99, max] = await running.said(/per second (\S+) p50 (\S+) p99 (\S+) max (\S+)/);
      return {
        storedPerSecond: Number(stored),
        ackP50Ms: Number(p50),
        ackP99Ms: Number(p99),
        ackMaxMs: Number(max),
      };
    } finally {
      await running.stop();
    }
  });

/**
 * One room that is written through three instances at once, on MongoDB and Redis (W1, W2): nobody is starved, and
 * what it costs that numbers are taken by others. Beside them one instance alone, and the bare driver, which
 * inserts the same messages with the same durability and answers nobody over HTTP.
 */
export const writers: Scenario = async (size) => {
  const rounds = await interleaved(size, [...Object.keys(INSTANCES), 'bare driver'], (name) =>
    name === 'bare driver' ? bareDriver(size) : madang(INSTANCES[name as keyof typeof INSTANCES], size),
  );
  const ofThree = (metric: string): (number | undefined)[] =>
    rounds.map((round) => round['three instances']?.[metric]);
  return {
    rounds,
    ratios: {
      W1: (round) => {
        const { ackMaxMs = Number.NaN, ackP50Ms = Number.NaN } = round['three instances'] ?? {};
        return ackMaxMs / ackP50Ms;
      },
      W2: against('storedPerSecond', 'three instances', 'bare driver'),
      'W2.one': against('storedPerSecond', 'one instance', 'bare driver'),
    },
    figures: {
      W1: { retriedShare: ofThree('retriedShare'), messagesPerInsert: ofThree('messagesPerInsert') },
    },
  };
};
