import { describe, expect, it } from 'vitest';
import { atMost, createCallLimit, limited } from '../../../src/log/call-limit.js';
import { createFakeClock } from '../../testkit/log/fake-clock.js';

const LIMIT_MS = 1000;

function world() {
  const clock = createFakeClock();
  return { clock, limit: createCallLimit(clock, LIMIT_MS) };
}

describe('the limit of calls made one after the other', () => {
  it('gives each call its whole time, whenever the timer was set', async () => {
    const { clock, limit } = world();
    limit.begin();
    await clock.pass(900);
    limit.end();
    const signal = limit.begin();
    await clock.pass(999);
    expect(signal.aborted).toBe(false);
    await clock.pass(1);
    expect(signal.aborted).toBe(true);
  });

  it('gives the next call after one that was aborted a fresh signal', async () => {
    const { clock, limit } = world();
    expect(limit.begin().aborted).toBe(false);
    await clock.pass(LIMIT_MS);
    limit.end();
    const next = limit.begin();
    expect(next.aborted).toBe(false);
    limit.abort();
    limit.end();
    expect(next.aborted).toBe(true);
    expect(limit.begin().aborted).toBe(false);
  });

  it('aborts nothing while no call is under way, and keeps no timer', async () => {
    const { clock, limit } = world();
    const signal = limit.begin();
    limit.end();
    await clock.pass(10 * LIMIT_MS);
    expect(signal.aborted).toBe(false);
    expect(clock.pending()).toBe(0);
  });

  it('keeps one signal for many calls, but none for ever', async () => {
    const { clock, limit } = world();
    const signals = new Set<AbortSignal>();
    for (let call = 0; call < 100; call += 1) {
      signals.add(limit.begin());
      await clock.pass(50);
      limit.end();
    }
    expect(signals.size).toBeGreaterThan(1);
    expect(signals.size).toBeLessThan(10);
  });
});

describe('one call under a limit of its own', () => {
  it('is aborted when that is over, and not before, and leaves no timer behind however it ends', async () => {
    const { clock } = world();
    let signal: AbortSignal | undefined;
    const hanging = limited(clock, LIMIT_MS, (given) => {
      signal = given;
      return new Promise((_resolve, reject) =>
        given.addEventListener('abort', () => reject(new Error('late'))),
      );
    });
    const ending = hanging.catch((error: unknown) => error);
    await clock.pass(LIMIT_MS - 1);
    expect(signal?.aborted).toBe(false);
    await clock.pass(1);
    expect(await ending).toEqual(new Error('late'));
    expect(await limited(clock, LIMIT_MS, async () => 'answer')).toBe('answer');
    await expect(limited(clock, LIMIT_MS, () => Promise.reject(new Error('refused')))).rejects.toThrow(
      'refused',
    );
    expect(clock.pending()).toBe(0);
  });
});

describe('work that others share', () => {
  const never = new Promise<never>(() => undefined);

  it('is waited for no longer than a time, whatever becomes of it', async () => {
    const { clock } = world();
    let over = 0;
    for (const work of [never, Promise.resolve(), Promise.reject(new Error('refused'))]) {
      void atMost(clock, LIMIT_MS, work).then(() => (over += 1));
    }
    await clock.pass(LIMIT_MS - 1);
    expect([over, clock.pending()]).toEqual([2, 1]);
    await clock.pass(1);
    expect([over, clock.pending()]).toEqual([3, 0]);
  });
});
