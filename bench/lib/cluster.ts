import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { BSON, MongoClient } from 'mongodb';
import { startMongo } from '../../tests/testkit/services/mongo.js';
import { startRedis } from '../../tests/testkit/services/redis.js';
import { GRAPHQL, peerRooms } from './contenders.js';
import { runLoad, type LoadOptions } from './load.js';
import { leaveServerCore, SERVER_CORE } from './machine.js';
import { createVisitor, forEachNumber, MADANG_SETTINGS, seedMadang, sendMessage } from './madang.js';
import { start, type Running } from './processes.js';
import { redisWork, type RedisWork } from './redis-costs.js';

const BENCH = fileURLToPath(new URL('..', import.meta.url));
const ENTRY_POINT = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const BYTES_PER_KB = 1024;
/** Subscribers begin at the newest message: a thousand that read what they missed would measure the store. */
const REPLAYED = 1;
/** And come at 1,000 a second. */
const SUBSCRIBING_PAUSE_US = 1000;
const REST_MS = 500;
/** The store rests when it uses less of a core than this. */
const REST_SHARE = 0.1;
const LONGEST_REST_MS = 20_000;
/** Ticks of /proc are hundredths of a second. */
const US_PER_TICK = 10_000;

/** User and system time of a process with all its threads, in microseconds. */
function cpuUs(pid: number | string | undefined): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * US_PER_TICK;
}

/** The process that was started with these words. */
function pidOf(words: string): string {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && name !== String(process.pid));
  const found = pids.find((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(words);
    } catch {
      return false;
    }
  });
  if (found === undefined) throw new Error(`no process was started with ${words}`);
  return found;
}

/** Several instances of one chat, with what lies between them. */
export interface Cluster {
  /** For the load client: senders talk to the first instance. */
  readonly options: LoadOptions;
  /** The ports of the instances in this order, for `port`. */
  readonly ports: readonly string[];
  /** Processor time of each instance until now, in microseconds. */
  readonly cpuUs: () => readonly number[];
  /** What Redis holds, in KB. */
  readonly redisKb: () => Promise<number>;
  /** What Redis has done until now. */
  readonly redisWork: () => Promise<RedisWork>;
  /** Processor time of the MongoDB server until now, in microseconds; 0 without one. */
  readonly storeCpuUs: () => number;
  /**
   * Before each load: waits until MongoDB has written down who left with the one before, lets subscribers begin
   * behind messages of now, and lets every instance follow every room once, as one does that runs for a while.
   */
  readonly prepare: () => Promise<void>;
  /** Size of the newest message in MongoDB, as a document. */
  readonly messageBytes: () => Promise<number>;
  readonly stop: () => Promise<void>;
}

interface Wanted {
  readonly instances: number;
  readonly rooms: number;
  readonly subscribers: number;
  /** Whether the instances of Madang have Redis; they have, unless this says otherwise. */
  readonly redis?: boolean;
}

/** All instances share the server's core; Redis, the store and the load have the other one. */
export async function startCluster(name: 'madang' | 'yoga', wanted: Wanted): Promise<Cluster> {
  leaveServerCore();
  const folder = mkdtempSync(join(tmpdir(), 'madang-bench-'));
  const closing: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const close of closing.reverse()) await close();
    rmSync(folder, { recursive: true, force: true });
  };
  const file = (fileName: string, lines: readonly string[]): string => {
    writeFileSync(join(folder, fileName), lines.map((line) => `${line}\n`).join(''));
    return join(folder, fileName);
  };
  try {
    const redis = await startRedis();
    closing.push(() => redis.close());
    const running: Running[] = [];
    const ports: string[] = [];
    const launch = async (args: readonly string[], env: Record<string, string>, ready: RegExp) => {
      const instance = start(SERVER_CORE, process.execPath, args, env);
      closing.push(() => instance.stop());
      running.push(instance);
      const [, port = ''] = await instance.said(ready);
      ports.push(port);
    };
    let files: LoadOptions;
    let storePid: string | undefined;
    let storeUrl = '';
    let renewCursors = (): Promise<void> => Promise.resolve();
    if (name === 'madang') {
      const mongo = await startMongo();
      closing.push(() => mongo.close());
      storePid = pidOf(mongo.folder);
      storeUrl = mongo.url('bench');
      const env = {
        ...MADANG_SETTINGS,
        MONGODB_URL: storeUrl,
        ...(wanted.redis === false ? {} : { REDIS_URL: redis.url }),
        AUTH_KEYS: `bench:${randomBytes(32).toString('base64url')}`,
      };
      for (let index = 0; index < wanted.instances; index += 1) {
        await launch([ENTRY_POINT], env, /Madang is ready: chat http:\/\/[^:]+:(\d+)/);
      }
      const url = `http://127.0.0.1:${ports[0]}/graphql`;
      const seeded = await seedMadang(url, { ...wanted, replayed: REPLAYED });
      files = { rooms: file('rooms', seeded.rooms), cursors: file('cursors', seeded.cursors) };
      const speaker = await createVisitor(url);
      renewCursors = async () => {
        const cursors = await forEachNumber(seeded.rooms.length * REPLAYED, (index) =>
          sendMessage(url, speaker, seeded.rooms[index % seeded.rooms.length] ?? '', `between ${index}`),
        );
        file(
          'cursors',
          Array.from({ length: wanted.subscribers }, (_, index) => cursors[index % cursors.length] ?? ''),
        );
      };
    } else {
      const rooms = file('rooms', peerRooms(wanted.rooms));
      for (let index = 0; index < wanted.instances; index += 1) {
        const env = { REDIS_URL: redis.url, ROOMS_FILE: rooms, DATA_DIR: join(folder, `data-${index}`) };
        await launch([join(BENCH, 'contenders', 'yoga-redis.js')], env, /listening (\d+)/);
      }
      files = { rooms };
    }
    const client = new Redis(redis.url);
    closing.push(async () => client.disconnect());
    const storeCpuUs = (): number => (storePid === undefined ? 0 : cpuUs(storePid));
    const options = { ...GRAPHQL, ...files, 'send-port': ports[0], 'pause-us': SUBSCRIBING_PAUSE_US };
    return {
      options,
      ports,
      cpuUs: () => running.map(({ child }) => cpuUs(child.pid)),
      redisWork: () => redisWork(client),
      storeCpuUs,
      async prepare() {
        for (let rested = 0; rested < LONGEST_REST_MS; rested += REST_MS) {
          const before = storeCpuUs();
          await wait(REST_MS);
          if (storeCpuUs() - before < REST_MS * 1000 * REST_SHARE) break;
        }
        await renewCursors();
        for (const port of ports)
          await runLoad({ ...options, port, subscribers: wanted.rooms, senders: 0 }, []);
      },
      async redisKb() {
        const [, bytes] = /^used_memory:(\d+)/m.exec(await client.info('memory')) ?? [];
        return Number(bytes) / BYTES_PER_KB;
      },
      async messageBytes() {
        const mongo = await MongoClient.connect(storeUrl);
        const newest = await mongo
          .db()
          .collection('messages')
          .findOne({}, { sort: { createdAt: -1 } });
        await mongo.close();
        return BSON.calculateObjectSize(newest ?? {});
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
