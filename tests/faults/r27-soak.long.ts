import { Redis } from 'ioredis';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { LOG_LIMITS } from '../../src/log/log-limits.js';
import { rotating } from '../testkit/faults/conversation.js';
import { startFollower, type Follower } from '../testkit/faults/follower.js';
import { createSender } from '../testkit/faults/sender.js';
import { createVisitor, MESSAGE_ADDED } from '../testkit/seed.js';
import type { ServerChild } from '../testkit/server-child.js';
import { startRedis } from '../testkit/services/index.js';
import { openSocket } from '../testkit/socket-client.js';
import { readFigures } from './figures.js';
import { heapMegabytes, partOf, residentMegabytes, sleep, WEIGHED } from './scenario.js';
import { setStage, type Stage } from './stage.js';

const SECOND_MS = 1000;
const MINUTES = Number(process.env['MADANG_FAULTS_MINUTES'] ?? 30);
const SOCKETS = 1_000;
const JOINS_PER_SECOND = 20;
const ABORTS = 10_000;
/** Below the cap of operations on one socket. */
const ABORTS_AT_ONCE = 20;
const SAMPLE_MS = 10 * SECOND_MS;
/** While the code of all paths becomes warm the heap may grow as it likes; at most a sixth of the time. */
const WARM_UP_MINUTES = Math.min(5, MINUTES / 6);
const SLOPE_MEGABYTES = 1;
const SLOPE_MINUTES = 10;
const RESIDENT_SHARE = 1.1;
/** In less time caches that fill say more than a leak would. */
const JUDGED_MINUTES = 6;
/** A few are in the air at any moment. */
const TIMERS = 3;
const PREFIX = 'soaked';
const WAIT = { timeout: 180_000, interval: 500 };

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

interface State {
  readonly timers: number;
  /** Behind a full collection: a process at rest collects nothing, and 10,000 subscriptions leave 130 MB of garbage. */
  readonly residentMegabytes: number;
}
async function stateOf(server: ServerChild): Promise<State> {
  const figures = await readFigures(server);
  await heapMegabytes(server);
  return {
    timers: figures('nodejs_active_resources', 'type="Timeout"'),
    residentMegabytes: residentMegabytes(server),
  };
}

/** Nobody is connected, and nothing is left of those who were. */
async function atRest(server: ServerChild, admin: Redis): Promise<void> {
  await vi.waitFor(async () => {
    const figures = await readFigures(server);
    const names = [
      'chat_ws_connections',
      'chat_ws_operations_active',
      'chat_feed_active',
      'chat_writer_queue',
    ];
    expect(names.map((name) => [name, figures(name)])).toEqual(names.map((name) => [name, 0]));
    expect(await admin.pubsub('CHANNELS', `*${PREFIX}:message:*`)).toEqual([]);
  }, WAIT);
}

/** Fills what each instance keeps of each room, or it would fill, and the heap rise, for a quarter of an hour. */
async function fillRings({ conversation: { roomIds, history }, targets }: Stage): Promise<void> {
  const target = rotating(targets, 0);
  const visitor = await createVisitor(target());
  await Promise.all(
    roomIds.map(async (roomId, index) => {
      const filler = createSender({ who: `filler-${index}`, roomId, visitor, target, history });
      while (filler.acked() < LOG_LIMITS.maxRingRecords) await filler.send();
    }),
  );
}

/** Subscribes and gives up again, many times; how often. */
async function subscribeAndGiveUp(
  { conversation: { roomIds } }: Stage,
  server: ServerChild,
): Promise<number> {
  let aborted = 0;
  const wanted = partOf(ABORTS);
  const socket = await openSocket(server.url());
  await Promise.all(
    Array.from({ length: ABORTS_AT_ONCE }, async () => {
      while (aborted < wanted) {
        aborted += 1;
        const roomId = roomIds[aborted % roomIds.length];
        const operation = socket.subscribe(MESSAGE_ADDED, { roomId });
        // Some at once, some when the server has begun.
        if (aborted % 2 === 0) await sleep(1);
        operation.stop();
        if (aborted % 50 === 0) await socket.request('{ __typename }');
      }
    }),
  );
  await socket.request('{ __typename }');
  socket.close();
  return aborted;
}

/** How fast a line through these points rises, per unit of `x`. */
function slopeOf(points: readonly { readonly x: number; readonly y: number }[]): number {
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  const [middleX, middleY] = [mean(points.map(({ x }) => x)), mean(points.map(({ y }) => y))];
  const rise = points.reduce((sum, { x, y }) => sum + (x - middleX) * (y - middleY), 0);
  const run = points.reduce((sum, { x }) => sum + (x - middleX) ** 2, 0);
  return run === 0 ? 0 : rise / run;
}

describe('R27', () => {
  it('many follow, join and leave for long, and subscribe and give up: nothing is left of them', async () => {
    const redis = await startRedis();
    const admin = new Redis(redis.url);
    closers.push(redis.close, () => admin.disconnect());
    let timersAtStart = Number.NaN;
    const stage = await setStage({
      instances: 1,
      env: { REDIS_URL: redis.url, REDIS_PREFIX: PREFIX, ...WEIGHED },
      load: { followers: SOCKETS, senders: 20, perSecond: 10 },
      async targetsOf({ instances, targets }) {
        const [only] = instances;
        if (only !== undefined) timersAtStart = (await stateOf(only)).timers;
        return targets;
      },
    });
    closers.push(stage.close);
    const [server] = stage.instances;
    const { conversation } = stage;
    if (server === undefined) throw new Error('no instance');

    await fillRings(stage);
    // So that a second burst is compared with what a first one left.
    await subscribeAndGiveUp(stage, server);
    let joins = 0;
    const guests = new Set<Promise<void>>();
    async function joinAndLeave(): Promise<void> {
      joins += 1;
      const guest: Follower = startFollower({
        who: `guest-${joins}`,
        roomId: conversation.roomIds[joins % conversation.roomIds.length] ?? '',
        target: rotating(stage.targets, 0),
        history: conversation.history,
      });
      await guest.begun;
      await sleep(Math.random() * SECOND_MS);
      await guest.leave();
    }
    const timer = setInterval(
      () => {
        const visit = joinAndLeave().finally(() => guests.delete(visit));
        guests.add(visit);
      },
      SECOND_MS / partOf(JOINS_PER_SECOND),
    );
    closers.push(() => clearInterval(timer));

    const started = performance.now();
    const minutes = (): number => (performance.now() - started) / (60 * SECOND_MS);
    const samples: { readonly x: number; readonly y: number }[] = [];
    let warm: State | null = null;
    while (minutes() < MINUTES) {
      await sleep(SAMPLE_MS);
      if (minutes() < WARM_UP_MINUTES) continue;
      warm ??= await stateOf(server);
      samples.push({ x: minutes(), y: await heapMegabytes(server) });
    }
    clearInterval(timer);
    await Promise.all(guests);

    const aborted = await subscribeAndGiveUp(stage, server);
    const timersThen = (await stateOf(server)).timers;

    const slope = slopeOf(samples) * SLOPE_MINUTES;
    const isLongEnough = MINUTES >= JUDGED_MINUTES;
    let uncollected = Number.NaN;
    let end: State = { timers: Number.NaN, residentMegabytes: Number.NaN };
    await stage.finish(
      'R27',
      `for ${MINUTES} min, ${joins} joins and leaves, ${aborted} subscriptions given up`,
      {
        async notes() {
          await atRest(server, admin);
          uncollected = residentMegabytes(server);
          await vi
            .waitFor(async () => {
              end = await stateOf(server);
              if (end.timers > timersAtStart + TIMERS) throw new Error('timers are left');
            }, WAIT)
            .catch(() => undefined);
          return (
            `heap ${samples[0]?.y.toFixed(1)} MB warm, ${samples.at(-1)?.y.toFixed(1)} MB under the same load later, ${slope.toFixed(2)} MB per ${SLOPE_MINUTES} min${isLongEnough ? '' : ' (too short to judge)'}, ` +
            `process ${Math.round(warm?.residentMegabytes ?? 0)} MB warm and ${Math.round(end.residentMegabytes)} MB at the end ` +
            `(${Math.round(uncollected)} MB before its garbage was collected), ` +
            `${timersAtStart} timers at the start, ${timersThen} under load, ${end.timers} at the end; ` +
            'no channel, no feed and no socket left'
          );
        },
      },
    );
    expect(joins).toBeGreaterThan(0);
    expect(end.residentMegabytes).toBeLessThan((warm?.residentMegabytes ?? 0) * RESIDENT_SHARE);
    expect(end.timers).toBeLessThanOrEqual(timersAtStart + TIMERS);
    expect(slope).toBeLessThan(isLongEnough ? SLOPE_MEGABYTES : Number.POSITIVE_INFINITY);
  });
});
