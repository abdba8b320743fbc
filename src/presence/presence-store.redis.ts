import { readFileSync } from 'node:fs';
import type { Result } from 'ioredis';
import type { Logger } from '../lib/logger.js';
import type { RedisConnection } from '../redis/connection.js';
import { evictionProblem } from './eviction.redis.js';
import type { Duty, PresenceStore, RankedRoom, Snapshot } from './presence-store.js';

/** What the script answers; see its header. */
type Reply = readonly (string | number | readonly number[])[];

declare module 'ioredis' {
  interface RedisCommander<Context> {
    /** The script of `presence-store.lua`. */
    madangPresence(...args: (string | number)[]): Result<Reply, Context>;
  }
}

const KEY_NAMES = ['exp', 'rank', 'online', 'present', 'number', 'meta'] as const;

/** The script as it is shipped. */
export const presenceScript = (): string =>
  readFileSync(new URL('./presence-store.lua', import.meta.url), 'utf8');

const text = (value: Reply[number] | undefined): string => String(value ?? '');
const number = (value: Reply[number] | undefined): number => Number(value ?? 0);

function unpack(epoch: string, revision: number, packed: string): Snapshot {
  const [total, ...lines] = packed.split('\n');
  const rooms = lines.map((line): RankedRoom => {
    const [roomId = '', recent, online, newest] = line.split(' ');
    return {
      roomId,
      recentVisitorCount: Number(recent),
      onlineCount: Number(online),
      messageCount: Number(newest),
    };
  });
  return { epoch, revision, rooms, total: Number(total) };
}

/**
 * Counts in Redis, for all instances. One script does everything, on Redis' clock; its header names the keys and
 * the cost. A new snapshot is announced on the channel of the topic `roomRanking`.
 */
export function createRedisPresenceStore({
  redis,
  log,
  windowMs,
  intervalMs,
  script = presenceScript(),
}: {
  readonly redis: RedisConnection;
  readonly log: Logger;
  /** How long a visit counts. */
  readonly windowMs: number;
  /** Shortest time between two snapshots. */
  readonly intervalMs: number;
  /** The Lua to run; another one than the shipped one has another clock, say. */
  readonly script?: string;
}): PresenceStore {
  const { commands } = redis;
  commands.defineCommand('madangPresence', { lua: script });
  const keys = KEY_NAMES.map((name) => redis.key(name));
  const channel = `${redis.prefix}:roomRanking:all`;
  const snapshotKey = (epoch: string, revision: number): string => redis.key(`rev:${epoch}:${revision}`);

  /** How many touches were sent that say who is online. */
  let touched = 0;

  async function run(command: string, args: readonly (string | number)[], more: readonly string[] = []) {
    const declared = [...keys, ...more];
    const reply = await commands.madangPresence(declared.length, ...declared, command, windowMs, ...args);
    const [now, epoch, ...rest] = reply;
    return { now: number(now), epoch: text(epoch), rest };
  }

  function dutyOf(kind: string, healed: string): Duty | null {
    if (kind !== 'load' && kind !== 'heal') return null;
    return { kind, healedAt: healed === '' ? null : Number(healed) };
  }

  return {
    async touch(instance, touches) {
      const args = touches.flatMap(({ kind, roomId, visitorId, at }) => [kind, roomId, visitorId, at]);
      const place = touches.every(({ kind }) => kind === 'visit') ? 0 : (touched += 1);
      const told = redis.key(`told:${instance}`);
      const { now, epoch, rest } = await run('touch', [instance, place, ...args], [told]);
      return { now, epoch, late: Array.isArray(rest[0]) ? rest[0].map(Number) : [] };
    },
    async raise(raises) {
      const { now, epoch } = await run(
        'raise',
        raises.flatMap((raise) => [raise.roomId, raise.number, raise.at]),
      );
      return { now, epoch };
    },
    async counts(roomIds) {
      const { now, epoch, rest } = await run('counts', roomIds);
      const [loaded, more, ...numbers] = rest.map(Number);
      const rooms = roomIds.map((roomId, index): [string, RankedRoom] => {
        const [recentVisitorCount = 0, onlineCount = 0, messageCount = 0] = numbers.slice(index * 3);
        return [roomId, { roomId, recentVisitorCount, onlineCount, messageCount }];
      });
      return { now, epoch, loaded: loaded === 1, more: more === 1, rooms: new Map(rooms) };
    },
    async tick(known, revision) {
      const snapshotKeys = [snapshotKey(known, revision + 1), snapshotKey(known, revision)];
      const { now, epoch, rest } = await run('tick', [known, revision, intervalMs, channel], snapshotKeys);
      const [newest, packed, waitMs] = [number(rest[0]), text(rest[1]), number(rest[2])];
      return {
        now,
        epoch,
        revision: newest,
        taken: packed === '' ? null : unpack(epoch, newest, packed),
        waitMs,
      };
    },
    async snapshot(epoch, revision) {
      const packed = await commands.get(snapshotKey(epoch, revision));
      return packed === null ? null : unpack(epoch, revision, packed);
    },
    async beat(instance, over = '') {
      const { now, epoch, rest } = await run('beat', [instance, over]);
      const [loaded, kind, healed, policy] = rest.map(text);
      const problem = evictionProblem(policy ?? '');
      if (problem !== null) log.error({ policy }, problem);
      return { now, epoch, loaded: loaded === '1', duty: dutyOf(kind ?? '', healed ?? '') };
    },
    async loading(instance, epoch) {
      const { rest } = await run('loading', [instance, epoch]);
      return rest[0] === 1;
    },
    async fulfilled(instance, epoch, duty, startedAt) {
      const { rest } = await run('fulfilled', [instance, epoch, duty, startedAt]);
      return rest[0] === 1;
    },
  };
}
