import { afterEach, describe, expect, it } from 'vitest';
import { type Metrics, createMetrics } from '../../src/lib/metrics.js';
import type { RateLimit, RateLimits } from '../../src/limits/rate-limits.js';
import type { RateLimitsOptions } from '../../src/limits/limits-over.js';

/** Limits of one instance, made anew on the same store by each call. */
export type OpenRateLimits = (options: RateLimitsOptions & { metrics: Metrics }) => Promise<{
  limits: RateLimits;
  close(): Promise<void>;
}>;

const MAX_SOCKETS_PER_ADDRESS = 7;

/** What every counter of limits promises; see the port and the table of rates. */
export function describeRateLimits(name: string, open: OpenRateLimits): void {
  describe(`RateLimits in ${name}`, () => {
    const opened: (() => Promise<void>)[] = [];
    afterEach(async () => {
      for (const close of opened.splice(0)) await close();
    });
    const make = async (factor: number | null = 1, metrics: Metrics = createMetrics({ version: 'test' })) => {
      const { limits, close } = await open({
        factor,
        maxSocketsPerAddress: MAX_SOCKETS_PER_ADDRESS,
        metrics,
      });
      opened.push(close);
      return limits;
    };
    /** How many of `tries` at once are allowed. */
    const allowedOf = async (limits: RateLimits, limit: RateLimit, tries: number, key = 'key') => {
      const waits = await Promise.all(Array.from({ length: tries }, () => limits.consume(limit, key)));
      return waits.filter((wait) => wait === null).length;
    };

    it.each<[RateLimit, number]>([
      ['sendPerVisitor', 10],
      ['sendPerAddress', 10],
      ['sendPerRoom', 50],
      ['createRoomPerVisitor', 3],
      ['createVisitorPerAddress', 30],
      ['queryPerCaller', 60],
      ['refusedPerCaller', 300],
      ['connectPerAddress', MAX_SOCKETS_PER_ADDRESS],
      ['upgradePerInstance', 200],
    ])('of %s allows %i at once', async (limit, expected) => {
      const limits = await make();
      const waits: (number | null)[] = [];
      for (let index = 0; index < expected; index += 1) waits.push(await limits.consume(limit, 'key'));
      expect(waits.filter((wait) => wait !== null)).toEqual([]);
      const refused = await allowedOf(limits, limit, expected);
      // On a slow machine a window of one second may end in between; nobody ever gets more than a second one.
      expect(refused).toBeLessThanOrEqual(expected);
    });

    it('names a wait in milliseconds that is enough', async () => {
      const limits = await make();
      await allowedOf(limits, 'sendPerAddress', 100);
      const wait = await limits.consume('sendPerAddress', 'key');
      expect(wait ?? 1).toBeGreaterThanOrEqual(1);
      expect(wait ?? 1).toBeLessThanOrEqual(1000);
      await new Promise((resolve) => {
        setTimeout(resolve, (wait ?? 0) + 5);
      });
      expect(await limits.consume('sendPerAddress', 'key')).toBeNull();
    });

    it('refuses beyond the limit, each caller for itself', async () => {
      const limits = await make();
      expect(await allowedOf(limits, 'createRoomPerVisitor', 30, 'one')).toBe(3);
      expect(await allowedOf(limits, 'createRoomPerVisitor', 30, 'two')).toBe(3);
    });

    it('counts each limit for itself', async () => {
      const limits = await make();
      expect(await allowedOf(limits, 'createRoomPerVisitor', 30)).toBe(3);
      expect(await allowedOf(limits, 'createVisitorPerAddress', 60)).toBe(30);
    });

    it('takes several points at once', async () => {
      const limits = await make();
      expect(await limits.consume('createRoomPerVisitor', 'key', 2)).toBeNull();
      expect(await limits.consume('createRoomPerVisitor', 'key', 2)).toBeGreaterThan(0);
    });

    it('takes from several budgets, and what is refused uses nothing up behind it', async () => {
      const limits = await make();
      const create = (visitor: string, address: string) =>
        limits.consumeAll([
          { limit: 'createRoomPerVisitor', key: visitor },
          { limit: 'createVisitorPerAddress', key: address },
        ]);
      const waits = await Promise.all(Array.from({ length: 100 }, () => create('flooder', 'shared')));
      expect(waits.filter((wait) => wait === null)).toHaveLength(3);
      expect(await create('flooder', 'shared')).toBeGreaterThan(0);
      expect(await allowedOf(limits, 'createVisitorPerAddress', 60, 'shared')).toBe(27);
      expect(await create('other', 'shared')).toBeGreaterThan(0);
    });

    it('takes a burst from one budget, and goes on with those behind it', async () => {
      const limits = await make();
      const both = () =>
        limits.consumeAll([
          { limit: 'createVisitorPerAddress', key: 'address' },
          { limit: 'createRoomPerVisitor', key: 'visitor' },
        ]);
      expect(await allowedOf(limits, 'createVisitorPerAddress', 10, 'address')).toBe(10);
      expect(await Promise.all([both(), both(), both()])).toEqual([null, null, null]);
      expect(await both()).toBeGreaterThan(0);
      expect(await allowedOf(limits, 'createVisitorPerAddress', 60, 'address')).toBe(30 - 10 - 4);
    });

    it.each([
      [20, 60],
      [0.5, 2],
      [0.001, 1],
    ])('multiplies every rate by a factor: %d', async (factor, expected) => {
      expect(await allowedOf(await make(factor), 'createRoomPerVisitor', 200)).toBe(expected);
    });

    it('allows everything when limits are off', async () => {
      expect(await allowedOf(await make(null), 'createRoomPerVisitor', 500)).toBe(500);
    });

    it('counts refusals by limit', async () => {
      const metrics = createMetrics({ version: 'test' });
      await allowedOf(await make(1, metrics), 'createRoomPerVisitor', 5);
      const text = await metrics.registry.getSingleMetricAsString('chat_ratelimit_rejected_total');
      expect(text).toContain('{limit="createRoomPerVisitor"} 2');
      expect(text).toContain('{limit="sendPerVisitor"} 0');
    });

    it.each(['', ':', 'a b', '\u{1F9ED}'.repeat(50), '0:0:0:0::/64'])('takes any key: %j', async (key) => {
      expect(await allowedOf(await make(), 'createRoomPerVisitor', 5, key)).toBe(3);
    });
  });
}
