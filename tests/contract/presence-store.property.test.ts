import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemIds } from '../../src/lib/ids.js';
import { silentLogger } from '../../src/lib/logger.js';
import type { PresenceStore, RankedRoom, Touch } from '../../src/presence/presence-store.js';
import { createMemoryPresenceStore } from '../../src/presence/presence-store.memory.js';
import { createRedisPresenceStore } from '../../src/presence/presence-store.redis.js';
import type { RedisConnection } from '../../src/redis/connection.js';
import { createManualClock } from '../testkit/manual-clock.js';
import { say } from '../faults/scenario.js';
import { onTestClock, patientRedis } from '../testkit/presence-clock.js';
import { redisForTests, type TestRedis } from '../testkit/services/index.js';

/** Random histories: a few seconds' worth; `npm run test:ranking` runs the long form, over 30,000 steps. */
const LONG_RUNS = 2000;
const LONG_MS = 600_000;
const SHORT_RUNS = 60;
const RUNS = process.env['MADANG_LONG_TESTS'] === '1' ? LONG_RUNS : SHORT_RUNS;
const MAX_STEPS = 60;
/** Enough for each broken script to be noticed, and a seed that soon meets what the slowest of them need. */
const BROKEN_RUNS = 400;
const BROKEN_SEED = 16;

const WINDOW_MS = 20_000;
const INTERVAL_MS = 1000;
const ONLINE_MS = 75_000;
const LATE_MS = 5000;
const ROOMS = ['r1', 'r2', 'r3'];

type Step =
  | { type: 'touch'; instance: string; touches: (Omit<Touch, 'at'> & { ago: number })[] }
  | { type: 'raise'; raises: { roomId: string; number: number; ago: number }[] }
  | { type: 'resend' }
  | { type: 'advance'; ms: number }
  | { type: 'tick' };

const edges = (...values: number[]) =>
  fc.constantFrom(...values.flatMap((value) => [value - 1, value, value + 1]));
const ago = fc.oneof(
  fc.constant(0),
  edges(0, 1000, LATE_MS, WINDOW_MS),
  fc.nat(WINDOW_MS),
  // The future.
  fc.constantFrom(-3000, -WINDOW_MS),
);
const roomId = fc.constantFrom(...ROOMS);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('touch'),
      instance: fc.constantFrom('a', 'b'),
      touches: fc.array(
        fc.record({
          kind: fc.constantFrom('visit', 'join', 'leave'),
          roomId,
          visitorId: fc.constantFrom('v', 'w', 'x'),
          ago,
        }),
        { minLength: 1, maxLength: 4 },
      ),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('raise'),
      raises: fc.array(fc.record({ roomId, number: fc.nat(5), ago }), { minLength: 1, maxLength: 2 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('resend') }) },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('advance'),
      ms: fc.oneof(
        fc.nat(3000),
        edges(INTERVAL_MS, LATE_MS, WINDOW_MS, WINDOW_MS / 2, ONLINE_MS, ONLINE_MS - LATE_MS / 2),
      ),
    }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('tick') }) },
);

/** What is promised, in the plainest words. */
function createModel() {
  const visits = new Map<string, number>();
  const members = new Map<string, number>();
  const rooms = new Map<string, { second: number; number: number }>();
  const raise = (map: Map<string, number>, key: string, at: number) =>
    map.set(key, Math.max(at, map.get(key) ?? 0));
  const roomOf = (id: string) => rooms.get(id) ?? rooms.set(id, { second: 0, number: 0 }).get(id)!;
  const alive = (map: Map<string, number>, id: string, now: number) =>
    [...map]
      .filter(([key, until]) => key.startsWith(`${id} `) && until > now)
      .map(([key]) => key.split(' ')[1]);
  return {
    touch(instance: string, { kind, roomId, visitorId, at }: Touch, now: number) {
      const seenAt = Math.min(at, now);
      roomOf(roomId);
      if (seenAt + WINDOW_MS > now) raise(visits, `${roomId} ${visitorId}`, seenAt + WINDOW_MS);
      const member = `${roomId} ${visitorId} ${instance}`;
      if (kind === 'leave') members.delete(member);
      if (kind === 'join' && now - seenAt <= LATE_MS) raise(members, member, seenAt + ONLINE_MS);
    },
    raise(id: string, number: number, at: number, now: number) {
      const room = roomOf(id);
      room.number = Math.max(room.number, number);
      room.second = Math.max(room.second, Math.floor(Math.min(at, now) / 1000));
    },
    counts: (id: string, now: number): RankedRoom => ({
      roomId: id,
      recentVisitorCount: new Set(alive(visits, id, now)).size,
      onlineCount: new Set(alive(members, id, now)).size,
      messageCount: rooms.get(id)?.number ?? 0,
    }),
    ranking(now: number): RankedRoom[] {
      const listed = [...rooms.keys()].map((id) => this.counts(id, now));
      const place = ({ roomId, recentVisitorCount }: RankedRoom) =>
        [recentVisitorCount, roomOf(roomId).second, roomId] as const;
      return listed.sort((a, b) => {
        const [x, y] = [place(a), place(b)];
        return y[0] - x[0] || y[1] - x[1] || (y[2] > x[2] ? 1 : -1);
      });
    },
  };
}

/** One of the two stores under test, with its clock. */
interface Subject {
  readonly store: PresenceStore;
  now(): number;
  advance(ms: number): Promise<void>;
}

function inMemory(): Subject {
  const clock = createManualClock();
  const store = createMemoryPresenceStore({
    clock,
    ids: systemIds,
    windowMs: WINDOW_MS,
    intervalMs: INTERVAL_MS,
  });
  return { store, now: () => clock.now(), advance: (ms) => clock.advance(ms) };
}

let test: TestRedis;
let redis: RedisConnection;
let histories = 0;
beforeAll(async () => {
  test = await redisForTests();
  redis = await patientRedis(test);
});
afterAll(async () => {
  await redis.stop();
  await test.dispose();
});

/** Each history has keys of its own. */
async function inRedis(mutate: (script: string) => string = (script) => script): Promise<Subject> {
  histories += 1;
  const tag = `{${test.prefix}:${histories}}`;
  const own = { ...redis, key: (name: string) => `${tag}:${name}` };
  const { script, now, advance } = await onTestClock(own);
  const store = createRedisPresenceStore({
    redis: own,
    log: silentLogger,
    windowMs: WINDOW_MS,
    intervalMs: INTERVAL_MS,
    script: mutate(script),
  });
  return { store, now, advance };
}

/** Lives through a history; throws at the first thing that is not as promised. */
async function live({ store, now, advance }: Subject, history: readonly Step[]): Promise<unknown[]> {
  const model = createModel();
  const seen: unknown[] = [];
  const { epoch, now: begun } = await store.beat('a');
  await store.fulfilled('a', epoch, 'load', begun);
  const checks: [actual: unknown, expected: unknown][] = [];
  let known = 0;
  let sent: { instance: string; touches: Touch[] } | undefined;

  async function touch(instance: string, touches: Touch[]): Promise<void> {
    for (const one of touches) model.touch(instance, one, now());
    const { late } = await store.touch(instance, touches);
    const expected = touches.flatMap(({ kind, at }, index) =>
      kind === 'join' && now() - at > LATE_MS ? [index] : [],
    );
    expect(late).toEqual(expected);
  }

  for (const one of history) {
    if (one.type === 'touch') {
      const touches = one.touches.map(({ ago, ...rest }) => ({ ...rest, at: now() - ago }));
      sent = { instance: one.instance, touches };
      await touch(one.instance, touches);
    } else if (one.type === 'resend') {
      // What was under way when a connection broke comes again. A leave in between would be undone by its join.
      if (sent !== undefined) await touch(sent.instance, sent.touches);
    } else if (one.type === 'raise') {
      const raises = one.raises.map(({ ago, ...rest }) => ({ ...rest, at: now() - ago }));
      for (const { roomId, number, at } of raises) model.raise(roomId, number, at, now());
      await store.raise(raises);
    } else if (one.type === 'advance') {
      await advance(one.ms);
    } else {
      const { revision, taken, waitMs } = await store.tick(epoch, known);
      seen.push({ revision, waitMs });
      const ranking = model.ranking(now());
      const before = known;
      known = revision;
      checks.push(
        [revision, taken === null ? before : before + 1],
        [taken?.rooms, taken === null ? undefined : ranking],
        [taken?.total, taken === null ? undefined : ranking.length],
        [taken === null ? null : await store.snapshot(epoch, revision), taken],
      );
    }
    for (const [actual, expected] of checks.splice(0)) expect(actual).toEqual(expected);
    const { rooms } = await store.counts(ROOMS);
    expect([...rooms.values()]).toEqual(ROOMS.map((id) => model.counts(id, now())));
  }
  // At the end everything is due: what is shown then is what is there.
  await advance(INTERVAL_MS);
  const last = (await store.tick(epoch, known)).taken ?? (await store.snapshot(epoch, known));
  expect(last?.rooms ?? []).toEqual(model.ranking(now()));
  return seen;
}

const histories$ = fc.array(step, { minLength: 1, maxLength: MAX_STEPS, size: 'max' });

describe('P1: presence stores', () => {
  it(
    'do what the plain model says, and both the same',
    async () => {
      let steps = 0;
      await fc.assert(
        fc.asyncProperty(histories$, async (history) => {
          steps += history.length;
          const [memory, script] = [await live(inMemory(), history), await live(await inRedis(), history)];
          expect(script).toEqual(memory);
        }),
        { numRuns: RUNS },
      );
      say(`P1: ${steps} random steps in ${RUNS} histories, 0 mismatches of script, process and model`);
    },
    LONG_MS,
  );

  const broken: [name: string, from: string, to: string][] = [
    [
      'counts a repeated visit again',
      "'GT', int(at + windowMs), pair) == 1",
      "'GT', int(at + windowMs), pair) >= 0",
    ],
    ['lets an older visit shorten a newer one', "EXP, 'GT', int(", 'EXP, int('],
    ['believes in the future', 'math.min(tonumber(ARGV[i + 3]), now)', 'tonumber(ARGV[i + 3])'],
    ['keeps a visit a millisecond too long', "EXP, '-inf', int(now)", "EXP, '-inf', int(now - 1)"],
    ['drops a visit a millisecond too early', "EXP, '-inf', int(now)", "EXP, '-inf', int(now + 1)"],
    ['counts what expired before it came', 'if at + windowMs > now then', 'if true then'],
    ['never takes an expired visitor off its room', 'int(-count * VISITOR)', '0'],
    ['ends a visitor that another instance holds', "redis.call('HINCRBY', PRESENT, pair, -1) > 0", 'false'],
    ['takes a leave for one of every instance', "' ' .. instance .. ' '", "' any '"],
    ['joins however late', 'if now - at > LATE_JOIN_MS then', 'if false then'],
    ['takes a join in time for a late one', 'now - at > LATE_JOIN_MS', 'now - at >= LATE_JOIN_MS'],
    ['lets a join shorten a newer one', "ONLINE, 'GT', int(", 'ONLINE, int('],
    ['keeps the members of a silent instance', "ONLINE, '-inf', int(now)", "ONLINE, '-inf', 0"],
    ['lets a newest number fall', 'if number > tonumber(', 'if number ~= tonumber('],
    ['lets the latest activity fall', 'second > tonumber(score)', 'second ~= tonumber(score)'],
    ['believes in activity of the future', 'math.min(tonumber(ARGV[i + 2]), now)', 'tonumber(ARGV[i + 2])'],
    ['ranks from the fewest visitors', "'ZREVRANGE'", "'ZRANGE'"],
    [
      'does not notice who comes online',
      "redis.call('HINCRBY', PRESENT, room, 1)\n          dirty = true",
      "redis.call('HINCRBY', PRESENT, room, 1)",
    ],
    ['takes snapshots too early', 'age < intervalMs', 'age < intervalMs - 1'],
    ['forgets that something changed while it waited', "redis.call('HSET', META, 'dirty', 1) end", 'end'],
  ];

  it.each(broken)('would not pass if the script %s', async (_, from, to) => {
    const result = await fc.check(
      fc.asyncProperty(histories$, async (history) => {
        const expected = await live(inMemory(), history);
        const subject = await inRedis((script) => {
          expect(script.split(from)).toHaveLength(2);
          return script.replace(from, to);
        });
        expect(await live(subject, history)).toEqual(expected);
      }),
      { numRuns: BROKEN_RUNS, endOnFailure: true, seed: BROKEN_SEED },
    );
    // A Redis that fails is no mismatch.
    expect(result.errorInstance).toHaveProperty('name', 'AssertionError');
  });
});
