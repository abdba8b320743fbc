import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { roomIdOf } from '../../src/graphql/node.js';
import { startRedis } from '../testkit/services/index.js';
import { sumOf } from './figures.js';
import { partOf, sleep } from './scenario.js';
import { setStage } from './stage.js';

const SECOND_MS = 1000;
const POISON = 10_000;
const LONG_BYTES = 10_000_000;
/** One in so many is that long. */
const LONG_EVERY = 1_000;
const AT_ONCE = 500;
const PREFIX = 'poisoned';
const WAIT = { timeout: 60_000, interval: 50 };

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const event = (change: Readonly<Record<string, unknown>>): string =>
  JSON.stringify({
    number: 1,
    authorId: 'author',
    key: 'c:key',
    call: '0123456789abcdef',
    text: 'poison',
    createdAtMs: 1,
    previousTag: 0,
    ...change,
  });

/** Nothing of this was made by this program for this room. */
function poison(index: number, logId: string): string | Buffer {
  const kinds: readonly (() => string | Buffer)[] = [
    () => '',
    () => '{"number":',
    () => randomBytes(1 + (index % 200)),
    () => 'null',
    () => event({ logId: 'another-room' }),
    ...[0, -1, 2 ** 53, 1.5, '1', null].map((number) => () => event({ logId, number })),
    () => event({ logId, call: 'no' }),
    () => event({ logId, text: 7 }),
  ];
  if (index % LONG_EVERY === 0) return 'x'.repeat(LONG_BYTES);
  return kinds[index % kinds.length]?.() ?? '';
}

describe('R25', () => {
  it('everything that can be wrong comes over the bus: it is dropped and counted, and nobody notices', async () => {
    const redis = await startRedis();
    const attacker = new Redis(redis.url);
    closers.push(redis.close, () => attacker.disconnect());
    const stage = await setStage({ env: { REDIS_URL: redis.url, REDIS_PREFIX: PREFIX } });
    closers.push(stage.close);
    await sleep(2 * SECOND_MS);
    const { roomIds } = stage.conversation;
    const droppedNow = (): Promise<number> =>
      sumOf(stage.instances, 'chat_bus_events_dropped_total', 'topic="message"');
    let published = 0;
    let received = 0;
    let dropped = 0;
    const wanted = partOf(POISON);
    while (published < wanted) {
      const round = Array.from({ length: AT_ONCE }, (_, place) => published + place + 1);
      const heard = await Promise.all(
        round.map((index) => {
          const logId = roomIdOf(roomIds[index % roomIds.length] ?? '') ?? '';
          return attacker.publish(`${PREFIX}:message:${logId}`, poison(index, logId));
        }),
      );
      published += round.length;
      received += heard.reduce((sum, count) => sum + count, 0);
      // Each round is judged before the next one: an instance that falls far behind is cut off by Redis or by its own
      // probe, and loses what was on the way. That is R10.
      await vi.waitFor(async () => {
        dropped = await droppedNow();
        if (dropped < received) throw new Error(`${dropped} of ${received} were dropped so far`);
      }, WAIT);
    }
    const outcome = await stage.finish('R25', `${published} poisoned events`, {
      notes: () => `received ${received} times, dropped ${dropped} times`,
    });
    expect(received).toBeGreaterThanOrEqual(wanted);
    expect(dropped).toBe(received);
    expect([outcome.retries, outcome.reconnects]).toEqual([0, 0]);
  });
});
