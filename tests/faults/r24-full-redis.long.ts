import { Redis } from 'ioredis';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { delays } from '../testkit/faults/checker.js';
import { percentile } from '../testkit/faults/conversation.js';
import { ask } from '../testkit/graphql-client.js';
import { createVisitor } from '../testkit/seed.js';
import { startRedis, type RedisOptions } from '../testkit/services/index.js';
import { acksFromNow, ms, partOf, residentMegabytes, sleep, SLACK } from './scenario.js';
import { setStage, type Stage } from './stage.js';

const SECOND_MS = 1000;
/** What a send may take longer than before, at the 99th percentile. */
const SEND_P99_MORE_MS = 100;
/** A fresh instance is slow and grows: neither says anything about Redis. */
const WARM_UP_MS = 15 * SECOND_MS;
const BASELINE_MS = 15 * SECOND_MS;
const DELIVERY_P99_MS = 1_500;
const MEMORY_MEGABYTES = 50;
/** What the garbage collector has not given back yet. */
const COLLECTOR = 2;
const DISK_BYTES = 1_048_576;
const WAIT = { timeout: 120_000, interval: 50 };

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Makes Redis refuse every write, and resolves with its own words for it. */
const fill = {
  async disk(admin: Redis): Promise<string> {
    for (;;) {
      const refusal = await admin.set('filler', 'x'.repeat(100_000)).catch((error: unknown) => String(error));
      if (refusal !== 'OK') return refusal;
      await sleep(20);
    }
  },
  async memory(admin: Redis): Promise<string> {
    await admin.config('SET', 'maxmemory', '1');
    return admin.set('filler', 'x').catch((error: unknown) => String(error));
  },
};
const empty = {
  disk: (admin: Redis) => admin.config('SET', 'appendonly', 'no'),
  memory: (admin: Redis) => admin.config('SET', 'maxmemory', '0'),
};

const VISIT = 'mutation ($room: ID!) { visitRoom(input: { roomId: $room }) { userErrors { code } } }';
const COUNT = 'query ($room: ID!) { room(id: $room) { recentVisitorCount } }';

/** What each instance says of the first room. */
async function counts({ targets, conversation }: Stage): Promise<readonly number[]> {
  const room = conversation.roomIds[0];
  const answers = await Promise.all(
    targets.map((target) => ask<{ room: { recentVisitorCount: number } }>(target(), COUNT, { room })),
  );
  return answers.map(({ room: { recentVisitorCount } }) => recentVisitorCount);
}

describe('R24', () => {
  const cases: readonly { what: 'disk' | 'memory'; says: RegExp; options: RedisOptions }[] = [
    {
      what: 'disk',
      says: /MISCONF/,
      options: { diskBytes: DISK_BYTES, args: ['--appendonly', 'yes', '--appendfsync', 'everysec'] },
    },
    { what: 'memory', says: /OOM/, options: {} },
  ];

  it.each(cases)(
    'the $what of Redis is full, it refuses all writes: chat and events go on, counts heal',
    async ({ what, says, options }) => {
      const redis = await startRedis(options);
      const admin = new Redis(redis.url);
      closers.push(redis.close, () => admin.disconnect());
      const stage = await setStage({ env: { REDIS_URL: redis.url, RANKING_INTERVAL_MS: '200' } });
      closers.push(stage.close);
      await sleep(WARM_UP_MS);
      const acksBefore = acksFromNow(stage.conversation);
      await sleep(BASELINE_MS);
      const baselineP99 = percentile(acksBefore(), 0.99);
      const inRoom = stage.conversation.followers.filter(
        (_, index) => index % stage.conversation.roomIds.length === 0,
      );
      // Its host beside them.
      const expected = inRoom.length + 1;
      await vi.waitFor(
        async () => expect(await counts(stage)).toEqual(stage.targets.map(() => expected)),
        WAIT,
      );
      const memoryBefore = stage.instances.map(residentMegabytes);

      expect(await fill[what](admin)).toMatch(says);
      const fullAt = performance.now();
      const acksFull = acksFromNow(stage.conversation);
      const url = stage.targets[0]?.() ?? '';
      const guest = await createVisitor(url);
      await ask(url, VISIT, { room: stage.conversation.roomIds[0] }, { token: guest.token });
      await sleep(partOf(30) * SECOND_MS);
      expect(await admin.set('filler', 'x').catch((error: unknown) => String(error))).toMatch(says);
      const fullP99 = percentile(acksFull(), 0.99);
      const memoryAfter = stage.instances.map(residentMegabytes);
      const emptiedAt = performance.now();
      await empty[what](admin);
      await vi.waitFor(
        async () => expect(await counts(stage)).toEqual(stage.targets.map(() => expected + 1)),
        WAIT,
      );
      const healedMs = performance.now() - emptiedAt;

      const grown = Math.max(...memoryAfter.map((after, index) => after - (memoryBefore[index] ?? 0)));
      const during = stage.conversation.history.events.filter(({ t }) => t >= fullAt && t < emptiedAt);
      const deliveryP99 = percentile(
        delays(during).map(({ ms: delay }) => delay),
        0.99,
      );
      const outcome = await stage.finish('R24', `the ${what} of Redis full for ${partOf(30)} s`, {
        notes: () =>
          `ack p99 ${ms(baselineP99)} before and ${ms(fullP99)} while full, delivery p99 ${ms(deliveryP99)}, memory +${Math.round(grown)} MB; counts right ${ms(healedMs)} after`,
      });
      expect([outcome.retries, outcome.reconnects]).toEqual([0, 0]);
      expect(fullP99).toBeLessThan(baselineP99 + SEND_P99_MORE_MS * SLACK);
      expect(deliveryP99).toBeGreaterThan(0);
      expect(deliveryP99).toBeLessThan(DELIVERY_P99_MS * SLACK);
      expect(grown).toBeLessThan(MEMORY_MEGABYTES * COLLECTOR);
    },
  );
});
