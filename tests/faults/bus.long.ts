import { Redis } from 'ioredis';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { roomIdOf } from '../../src/graphql/node.js';
import { startFaultProxy, type FaultProxy } from '../testkit/faults/proxy.js';
import { startUnreliableBus } from '../testkit/faults/unreliable-bus.js';
import type { ServerChild } from '../testkit/server-child.js';
import { startRedis, type RedisServer } from '../testkit/services/index.js';
import { modesOf, sumOf } from './figures.js';
import { ms, partOf, sleep, SLACK } from './scenario.js';
import { setStage, type Stage, type StageOptions } from './stage.js';

const SECOND_MS = 1000;
const NOTICED_MS = 3 * SECOND_MS;
/** Until a client of a frozen instance has moved. */
const MOVED_MS = 25 * SECOND_MS;
const WAIT = { timeout: 120_000, interval: 20 };
const INSTANCES = [0, 1, 2];
const FILLER_BYTES = 50_000;

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function redisOfOurs(args: readonly string[] = []): Promise<{ redis: RedisServer; admin: Redis }> {
  const redis = await startRedis({ args });
  const admin = new Redis(redis.url);
  closers.push(redis.close, () => admin.disconnect());
  return { redis, admin };
}

/** A stage on a Redis of its own, with everything in push mode. */
async function stageOn(redis: RedisServer, options: StageOptions = {}): Promise<Stage> {
  const stage = await setStage({ ...options, env: { REDIS_URL: redis.url, ...options.env } });
  closers.push(stage.close);
  await vi.waitFor(() => {
    for (const instance of stage.instances) expect(modesOf(instance).push).toBeGreaterThan(0);
  }, WAIT);
  return stage;
}

/** The first instance reaches Redis by a proxy. */
async function stageWithProxy(
  redis: RedisServer,
): Promise<{ stage: Stage; proxy: FaultProxy; first: ServerChild }> {
  const proxy = await startFaultProxy({ host: '127.0.0.1', port: redis.port });
  closers.push(proxy.close);
  const stage = await stageOn(redis, {
    envOf: (index): Record<string, string> =>
      index === 0 ? { REDIS_URL: `redis://${proxy.host}:${proxy.port}` } : {},
  });
  const [first] = stage.instances;
  if (first === undefined) throw new Error('no instance');
  return { stage, proxy, first };
}

/** Does something and measures how long it takes until an instance changes its mode to this one. */
async function modeAfter(
  instance: ServerChild,
  mode: 'polling' | 'push',
  act: () => unknown,
): Promise<number> {
  // One that got no processor time for a while is in it already, and comes back by itself.
  await vi.waitFor(() => expect(modesOf(instance).now).not.toBe(mode), WAIT);
  const before = modesOf(instance)[mode];
  await act();
  const started = performance.now();
  await vi.waitFor(() => expect(modesOf(instance)[mode]).toBeGreaterThan(before), WAIT);
  return performance.now() - started;
}

/** Told, not judged: an instance that gets no processor time for half a second polls too. */
const othersPolled = (stage: Stage): number =>
  stage.instances.slice(1).reduce((sum, one) => sum + modesOf(one).polling, 0);

/** Ports of the connections to a Redis on which somebody listens. */
async function listeners(admin: Redis): Promise<ReadonlySet<number>> {
  const list = String(await admin.call('CLIENT', 'LIST', 'TYPE', 'pubsub'));
  return new Set([...list.matchAll(/ addr=[^ ]*:(\d+) /g)].map(([, port]) => Number(port)));
}

describe('R6', () => {
  it('the link of one instance to Redis swallows everything: it notices, and nobody notices anything', async () => {
    const { redis } = await redisOfOurs();
    const { stage, proxy, first } = await stageWithProxy(redis);
    await sleep(5 * SECOND_MS);
    const noticedMs = await modeAfter(first, 'polling', () => proxy.set({ blackhole: true }));
    await sleep(partOf(30) * SECOND_MS);
    const backMs = await modeAfter(first, 'push', () => proxy.heal());
    await sleep(2 * SECOND_MS);
    const outcome = await stage.finish('R6', `one link to Redis half-open for ${partOf(30)} s`, {
      notes: () =>
        `noticed after ${ms(noticedMs)}, push back after ${ms(backMs)}; the others took to the store ${othersPolled(stage)} times`,
    });
    expect(noticedMs).toBeLessThan(NOTICED_MS * SLACK);
    expect([outcome.retries, outcome.reconnects]).toEqual([0, 0]);
  });
});

describe('R7', () => {
  it('the subscriber of one instance is moved to an empty Redis, in silence: it notices, and nothing is missed', async () => {
    const [{ redis, admin }, { redis: empty }] = [await redisOfOurs(), await redisOfOurs()];
    const { stage, proxy, first } = await stageWithProxy(redis);
    const nowhere = { host: '127.0.0.1', port: empty.port };
    await sleep(5 * SECOND_MS);
    const before = proxy.connections();
    const ports = await listeners(admin);
    const noticedMs = await modeAfter(first, 'polling', () => {
      proxy.retarget(nowhere);
      proxy.move(ports, nowhere);
    });
    expect(proxy.connections()).toBe(before);
    await sleep(partOf(60) * SECOND_MS);
    const backMs = await modeAfter(first, 'push', () => {
      proxy.retarget({ host: '127.0.0.1', port: redis.port });
      proxy.cut();
    });
    const outcome = await stage.finish('R7', `one subscriber on an empty Redis for ${partOf(60)} s`, {
      notes: () =>
        `noticed after ${ms(noticedMs)}, push back after ${ms(backMs)}; the others took to the store ${othersPolled(stage)} times`,
    });
    expect(noticedMs).toBeLessThan(NOTICED_MS * SLACK);
    expect([outcome.retries, outcome.reconnects]).toEqual([0, 0]);
  });

  it('an instance is alone with a Redis that answers its probes: the tail check alone finds everything', async () => {
    const [{ redis }, { redis: empty }] = [await redisOfOurs(), await redisOfOurs()];
    const { stage, proxy, first } = await stageWithProxy(redis);
    await sleep(2 * SECOND_MS);
    // It polls, and then hears from a Redis again.
    const before = modesOf(first).push;
    proxy.retarget({ host: '127.0.0.1', port: empty.port });
    proxy.cut();
    await vi.waitFor(() => expect(modesOf(first).push).toBeGreaterThan(before), WAIT);
    const found = await sumOf([first], 'chat_tail_check_found_total');
    await sleep(partOf(60) * SECOND_MS);
    const foundAfter = await sumOf([first], 'chat_tail_check_found_total');
    const outcome = await stage.finish('R7', `one instance on a Redis of its own for ${partOf(60)} s`, {
      notes: () => `${foundAfter - found} logs found by the tail check`,
    });
    expect(foundAfter).toBeGreaterThan(found);
    expect([outcome.retries, outcome.reconnects]).toEqual([0, 0]);
  });
});

describe('R8', () => {
  it('Redis ends all subscribers, again and again: nothing is missed', async () => {
    const { redis, admin } = await redisOfOurs();
    const stage = await stageOn(redis);
    let ended = 0;
    for (let kill = 0; kill < partOf(50); kill += 1) {
      await sleep(2 * SECOND_MS);
      ended += Number(await admin.client('KILL', 'TYPE', 'pubsub'));
    }
    const outcome = await stage.finish('R8', `${ended} subscribers ended in ${partOf(50)} kills`);
    expect(ended).toBeGreaterThanOrEqual(partOf(50));
    expect([outcome.retries, outcome.reconnects]).toEqual([0, 0]);
  });
});

describe('R9', () => {
  it('3 % of all events are lost, 3 % come twice and 3 % late: few reads put it right', async () => {
    const { redis } = await redisOfOurs();
    const buses = await Promise.all(
      INSTANCES.map(() =>
        startUnreliableBus({
          target: { host: '127.0.0.1', port: redis.port },
          isHarmed: (channel) => channel.includes(':message:'),
          share: 0.03,
        }),
      ),
    );
    closers.push(...buses.map((bus) => bus.close));
    const stage = await stageOn(redis, { envOf: (index) => ({ REDIS_URL: buses[index]?.url ?? '' }) });
    await sleep(partOf(60) * SECOND_MS);
    const count = (kind: 'events' | 'lost' | 'doubled' | 'late'): number =>
      buses.reduce((sum, bus) => sum + bus.counts()[kind], 0);
    const repairs = await sumOf(stage.instances, 'chat_feed_repairs_total');
    const lost = count('lost');
    await stage.finish('R9', `3 % of events lost, doubled and late, for ${partOf(60)} s`, {
      notes: () =>
        `of ${count('events')} events ${lost} lost, ${count('doubled')} doubled, ${count('late')} late; ${repairs} repairs`,
    });
    expect(Math.min(lost, count('doubled'), count('late'))).toBeGreaterThan(0);
    expect(repairs).toBeLessThanOrEqual(2 * lost);
  });
});

describe('R10', () => {
  it('an instance freezes until Redis gives its subscriber up: afterwards nothing is missing', async () => {
    const limit = ['--client-output-buffer-limit', 'pubsub 1mb 1mb 1'];
    const { redis, admin } = await redisOfOurs(limit);
    const stage = await stageOn(redis, {
      env: { REDIS_PREFIX: 'slow' },
      load: { perSecond: 500, senders: 100, padding: 900 },
    });
    await sleep(3 * SECOND_MS);
    const before = (await listeners(admin)).size;
    stage.instances[0]?.pause();
    const started = performance.now();
    const frozen = sleep(20 * SECOND_MS);
    // Beside the messages, so that it does not depend on how fast this machine is: what the others drop.
    const channel = `slow:message:${roomIdOf(stage.conversation.roomIds[0] ?? '')}`;
    await vi.waitFor(async () => {
      await admin.publish(channel, 'x'.repeat(FILLER_BYTES));
      expect((await listeners(admin)).size).toBeLessThan(before);
    }, WAIT);
    const givenUpMs = performance.now() - started;
    await frozen;
    stage.instances[0]?.resume();
    await sleep(5 * SECOND_MS);
    const outcome = await stage.finish('R10', 'one instance frozen for 20 s at least', {
      checks: { deliveryWithinMs: MOVED_MS * SLACK },
      notes: () => `Redis gave its subscriber up after ${ms(givenUpMs)}`,
    });
    expect(outcome.reconnects).toBeGreaterThan(0);
  });
});
