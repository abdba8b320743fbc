import { Redis } from 'ioredis';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { silentLogger } from '../../src/lib/logger.js';
import { createRedisPresenceStore } from '../../src/presence/presence-store.redis.js';
import { roomIdOf } from '../../src/graphql/node.js';
import { openRedis } from '../testkit/redis-connection.js';
import { DISASTER } from '../testkit/cluster.js';
import { foundation } from '../testkit/foundation.js';
import { ask } from '../testkit/graphql-client.js';
import { createRoom, createVisitor, sendMessage, type TestVisitor } from '../testkit/seed.js';
import { startServerChild } from '../testkit/server-child.js';
import { startRedis } from '../testkit/services/index.js';
import { load, ms, say, SLACK, sleep } from '../faults/scenario.js';
import { follow, open } from './patient-client.js';

const WAIT = { timeout: 60_000, interval: 20 };
const WINDOW_S = 600;
const CONNECTED_MS = 5000;
const DEPARTED_MS = 10_000;
const ROOMS = 6;
/** A visit is durable within a second; more than twice that, for a busy machine. */
const JOURNALED_MS = 2500;
const held = load({
  short: { flushes: 3, killAt: 1, connected: 36, departed: 12, perSecond: 20 },
  long: { flushes: 10, killAt: 4, connected: 150, departed: 60, perSecond: 100 },
});

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const VISIT = /* GraphQL */ `
  mutation ($room: ID!) {
    visitRoom(input: { roomId: $room }) {
      userErrors {
        code
      }
    }
  }
`;
const COUNTS = /* GraphQL */ `
  query ($rooms: [ID!]!) {
    nodes(ids: $rooms) {
      ... on Room {
        recentVisitorCount
        onlineCount
      }
    }
  }
`;
interface Counts {
  readonly recentVisitorCount: number;
  readonly onlineCount: number;
}

describe('P4', () => {
  it('K3: Redis is emptied again and again under load, once as an instance dies: counts heal, and none is ever shown wrong', async () => {
    const [stand, redis] = await Promise.all([foundation('distributed'), startRedis()]);
    closers.push(stand.dispose, redis.close);
    const env = {
      ...stand.env,
      REDIS_URL: redis.url,
      RECENT_VISIT_WINDOW_SECONDS: String(WINDOW_S),
      RANKING_INTERVAL_MS: '200',
    };
    const instances = await Promise.all([0, 1, 2].map(() => startServerChild({ env })));
    closers.push(...instances.map((instance) => instance.kill));
    const urls = instances.map((instance) => instance.url());
    const url = urls[0]!;

    const author = await createVisitor(url);
    const rooms: string[] = [];
    for (let room = 0; room < ROOMS; room += 1) rooms.push(await createRoom(url, author));
    const truth = rooms.map(() => ({ recentVisitorCount: 1, onlineCount: 0 }));
    const onVictim = rooms.map(() => 0);
    const departed: { visitor: TestVisitor; room: string }[] = [];
    for (let index = 0; index < held.departed; index += 1) {
      const visitor = await createVisitor(url);
      const room = index % ROOMS;
      departed.push({ visitor, room: rooms[room]! });
      await ask(url, VISIT, { room: rooms[room] }, { token: visitor.token });
      truth[room]!.recentVisitorCount += 1;
    }
    for (let index = 0; index < held.connected; index += 1) {
      const socket = await open(urls[index % urls.length]!);
      closers.push(() => socket.cut());
      const room = index % ROOMS;
      follow(socket, rooms[room]!);
      truth[room]!.recentVisitorCount += 1;
      truth[room]!.onlineCount += 1;
      if (index % urls.length === 2) onVictim[room]! += 1;
    }

    // What Redis itself has, which the API hides behind the last known values.
    const connection = openRedis([redis.url], stand.env['REDIS_PREFIX']!);
    closers.push(() => connection.stop());
    const store = createRedisPresenceStore({
      redis: connection,
      log: silentLogger,
      windowMs: WINDOW_S * 1000,
      intervalMs: 200,
    });
    const ids = rooms.map((room) => roomIdOf(room)!);
    async function inRedis(): Promise<{ loaded: boolean; counts: Counts[] }> {
      const { loaded, rooms: found } = await store.counts(ids);
      const counts = ids.map((id) => {
        const { recentVisitorCount, onlineCount } = found.get(id)!;
        return { recentVisitorCount, onlineCount };
      });
      return { loaded, counts };
    }
    await vi.waitFor(async () => expect(await inRedis()).toEqual({ loaded: true, counts: truth }), WAIT);

    // What was seen a moment ago is not in the journal yet.
    await sleep(JOURNALED_MS);

    /** Repeats of visits and messages, which change no count; their failures. */
    const failures: unknown[] = [];
    let turns = 0;
    const timer = setInterval(() => {
      turns += 1;
      const { visitor, room } = departed[turns % departed.length]!;
      const to = urls[turns % 2]!;
      const done =
        turns % 4 === 0
          ? sendMessage(to, author, { roomId: room, text: `${turns}` })
          : ask(to, VISIT, { room }, { token: visitor.token });
      done.catch((error: unknown) => failures.push(error));
    }, 1000 / held.perSecond);
    closers.push(() => clearInterval(timer));

    /** What a client saw that was not so. */
    const wrong: { recentVisitorCount: number; expected: number }[] = [];
    let reads = 0;
    let looking = true;
    const looked = (async () => {
      while (looking) {
        const { nodes } = await ask<{ nodes: Counts[] }>(
          urls[reads % 2]!,
          COUNTS,
          { rooms },
          { token: author.token },
        );
        reads += 1;
        for (const [room, { recentVisitorCount }] of nodes.entries()) {
          const expected = truth[room]!.recentVisitorCount;
          if (recentVisitorCount !== expected) wrong.push({ recentVisitorCount, expected });
        }
        await sleep(20);
      }
    })();

    const admin = new Redis(redis.url);
    closers.push(() => admin.disconnect());
    const times: { connected: number; departed: number }[] = [];
    for (let round = 0; round < held.flushes; round += 1) {
      if (round === held.killAt) {
        await instances[2]!.kill();
        for (const [room, count] of onVictim.entries()) truth[room]!.onlineCount -= count;
      }
      await admin.flushall();
      const began = performance.now();
      const online = truth.map(({ onlineCount }) => onlineCount);
      await vi.waitFor(async () => {
        const { counts } = await inRedis();
        expect(counts.map(({ onlineCount }) => onlineCount)).toEqual(online);
      }, WAIT);
      const connected = performance.now() - began;
      await vi.waitFor(async () => expect(await inRedis()).toEqual({ loaded: true, counts: truth }), WAIT);
      times.push({ connected, departed: performance.now() - began });
      await sleep(500);
    }
    looking = false;
    await looked;
    clearInterval(timer);

    const worst = (kind: 'connected' | 'departed') => Math.max(...times.map((time) => time[kind]));
    say(
      `P4: Redis emptied ${held.flushes} times under ${held.perSecond} visits and messages a second, an instance ` +
        `killed at one of them: connected right after ${times.map(({ connected }) => ms(connected)).join(', ')}; ` +
        `departed after ${times.map(({ departed: after }) => ms(after)).join(', ')}; ` +
        `${wrong.length} wrong of ${reads * ROOMS} counts shown; ${failures.length} of ${turns} requests failed`,
    );
    expect(wrong).toEqual([]);
    expect(failures).toEqual([]);
    expect(worst('connected')).toBeLessThan(CONNECTED_MS * SLACK);
    expect(worst('departed')).toBeLessThan(DEPARTED_MS * SLACK);
    for (const instance of instances) expect(instance.output()).not.toMatch(DISASTER);
  });
});
