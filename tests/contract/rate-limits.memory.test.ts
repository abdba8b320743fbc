import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createMetrics } from '../../src/lib/metrics.js';
import type { RateLimit } from '../../src/limits/rate-limits.js';
import { createMemoryRateLimits } from '../../src/limits/rate-limits.memory.js';
import { describeRateLimits } from './rate-limits.suite.js';

describeRateLimits('memory', (options) =>
  Promise.resolve({ limits: createMemoryRateLimits(options), close: () => Promise.resolve() }),
);

describe('rates over time', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  /** How many of `perSecond` tries in each of `seconds` are allowed. */
  async function allowed(limit: RateLimit, perSecond: number, seconds: number): Promise<number> {
    const metrics = createMetrics({ version: 'test' });
    const limits = createMemoryRateLimits({ factor: 1, maxSocketsPerAddress: 50, metrics });
    let count = 0;
    for (let second = 0; second < seconds; second += 1) {
      for (let index = 0; index < perSecond; index += 1) {
        if ((await limits.consume(limit, 'key')) === null) count += 1;
        await vi.advanceTimersByTimeAsync(1000 / perSecond);
      }
    }
    return count;
  }

  it.each<[RateLimit, number, number, number, number]>([
    ['sendPerVisitor', 10, 60, 55, 60],
    ['sendPerVisitor', 1, 60, 60, 60],
    ['sendPerAddress', 100, 10, 100, 110],
    ['sendPerRoom', 500, 10, 500, 550],
    ['createRoomPerVisitor', 1, 120, 6, 6],
    ['createVisitorPerAddress', 5, 600, 110, 130],
    ['queryPerCaller', 50, 60, 360, 420],
  ])('of %s at %i a second for %i s allows %i to %i', async (limit, perSecond, seconds, least, most) => {
    const count = await allowed(limit, perSecond, seconds);
    expect(count).toBeGreaterThanOrEqual(least);
    expect(count).toBeLessThanOrEqual(most);
  });

  it('names no wait that is longer than the window after the clock was set back', async () => {
    const metrics = createMetrics({ version: 'test' });
    const limits = createMemoryRateLimits({ factor: 1, maxSocketsPerAddress: 50, metrics });
    expect(await limits.consume('createRoomPerVisitor', 'key', 4)).toBe(60_000);
    vi.setSystemTime(Date.now() - 3_600_000);
    expect(await limits.consume('createRoomPerVisitor', 'key')).toBe(60_000);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(await limits.consume('createRoomPerVisitor', 'key')).toBeNull();
  });
});
