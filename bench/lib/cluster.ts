import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { startMongo } from '../../tests/testkit/services/mongo.js';
import { startRedis } from '../../tests/testkit/services/redis.js';
import { GRAPHQL, peerRooms } from './contenders.js';
import type { LoadOptions } from './load.js';
import { leaveServerCore, SERVER_CORE } from './machine.js';
import { MADANG_SETTINGS, seedMadang } from './madang.js';
import { start, type Running } from './processes.js';

const BENCH = fileURLToPath(new URL('..', import.meta.url));
const ENTRY_POINT = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const BYTES_PER_KB = 1024;
/** Ticks of /proc are hundredths of a second. */
const US_PER_TICK = 10_000;

/** User and system time of a process with all its threads, in microseconds. */
function cpuUs({ child }: Running): number {
  const stat = readFileSync(`/proc/${child.pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * US_PER_TICK;
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
  readonly stop: () => Promise<void>;
}

interface Wanted {
  readonly instances: number;
  readonly rooms: number;
  readonly subscribers: number;
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
    if (name === 'madang') {
      const mongo = await startMongo();
      closing.push(() => mongo.close());
      const env = {
        ...MADANG_SETTINGS,
        MONGODB_URL: mongo.url('bench'),
        REDIS_URL: redis.url,
        AUTH_KEYS: `bench:${randomBytes(32).toString('base64url')}`,
      };
      for (let index = 0; index < wanted.instances; index += 1) {
        await launch([ENTRY_POINT], env, /Madang is ready: chat http:\/\/[^:]+:(\d+)/);
      }
      const seeded = await seedMadang(`http://127.0.0.1:${ports[0]}/graphql`, wanted);
      files = { rooms: file('rooms', seeded.rooms), cursors: file('cursors', seeded.cursors) };
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
    return {
      options: { ...GRAPHQL, ...files, 'send-port': ports[0] },
      ports,
      cpuUs: () => running.map(cpuUs),
      async redisKb() {
        const [, bytes] = /^used_memory:(\d+)/m.exec(await client.info('memory')) ?? [];
        return Number(bytes) / BYTES_PER_KB;
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
