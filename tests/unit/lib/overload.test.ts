import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/lib/logger.js';
import { createOverload } from '../../../src/lib/overload.js';
import { type Load, watchProcessLoad } from '../../../src/lib/process-load.js';
import { createManualClock } from '../../testkit/manual-clock.js';

const CALM: Load = { delayMs: 5, utilization: 0.1, processor: 1, heap: 0.3 };

function world(chance = 0) {
  const clock = createManualClock();
  let load = CALM;
  let waitedMs = 0;
  const changes: boolean[] = [];
  const overload = createOverload({
    read: () => load,
    line: { join: () => (waitedMs === 0 ? null : Promise.resolve()), waitedMs: () => waitedMs },
    clock,
    chance: () => chance,
    log: silentLogger,
    onChange: (overloaded) => changes.push(overloaded),
  });
  return {
    overload,
    changes,
    async after(seconds: number, given: Partial<Load>) {
      load = { ...CALM, ...given };
      for (let second = 0; second < seconds; second += 1) await clock.advance(1000);
      return overload.active();
    },
    /** What a newcomer is told while the first of those before it has waited for so long. */
    admit(firstHasWaitedMs: number) {
      waitedMs = firstHasWaitedMs;
      return overload.admit();
    },
    waiting(ms: number) {
      waitedMs = ms;
    },
  };
}

describe('overload', () => {
  it.each<[string, Partial<Load>, number]>([
    ['an event loop that is late by more than 200 ms for 5 s', { delayMs: 201 }, 5],
    [
      'an event loop that never waits, and is late by more than 100 ms, for 10 s',
      { utilization: 0.96, delayMs: 101 },
      10,
    ],
    ['a heap above 85 % that stays there', { heap: 0.86 }, 2],
  ])('is %s, not a moment less', async (_name, load, seconds) => {
    const { after, changes } = world();
    expect(await after(seconds - 1, load)).toBe(false);
    expect(await after(1, {})).toBe(false);
    expect(await after(seconds - 1, load)).toBe(false);
    expect(await after(1, load)).toBe(true);
    expect(changes).toEqual([true]);
  });

  it.each<[string, Partial<Load>]>([
    ['late by 200 ms', { delayMs: 200 }],
    ['busy for 95 % and late by 150 ms', { utilization: 0.95, delayMs: 150 }],
    ['busy all the time, and on time', { utilization: 1, delayMs: 100 }],
    [
      'late by a second, because others have the processors',
      { delayMs: 1000, utilization: 1, processor: 0.5 },
    ],
    ['using 85 % of its heap', { heap: 0.85 }],
  ])('is not a process that is %s', async (_name, load) => {
    expect(await world().after(60, load)).toBe(false);
  });

  it('ends when all is well below its limit for 3 s in a row', async () => {
    const { after, changes } = world();
    await after(5, { delayMs: 300 });
    expect(await after(60, { delayMs: 150 })).toBe(true);
    expect(await after(2, {})).toBe(true);
    expect(await after(1, { heap: 0.75 })).toBe(true);
    expect(await after(2, {})).toBe(true);
    expect(await after(1, {})).toBe(false);
    expect(changes).toEqual([true, false]);
  });

  it('is newcomers that wait for each other: the loop is on time because they do', async () => {
    const { after, waiting } = world();
    waiting(300);
    expect(await after(4, {})).toBe(false);
    expect(await after(1, {})).toBe(true);
    waiting(101);
    expect(await after(10, {})).toBe(true);
    waiting(50);
    expect(await after(3, {})).toBe(false);
  });

  it('lets newcomers wait for 250 ms and sends the others away; for 4 s as long as it may be a moment', async () => {
    const { after, admit } = world();
    expect([admit(0), await admit(4000), await admit(4001)]).toEqual([null, null, 1000]);
    await admit(0);
    await after(5, { delayMs: 300 });
    expect([admit(0), await admit(250), await admit(251)]).toEqual([null, null, 1000]);
  });

  it('lets nobody in while memory is short', async () => {
    const { after, admit } = world();
    await after(2, { heap: 0.9 });
    expect(await admit(0)).toBe(1000);
    await after(1, { heap: 0.69 });
    expect(admit(0)).toBeNull();
  });

  it('asks newcomers to wait between 1 and 5 s', async () => {
    for (const [chance, wait] of [
      [0, 1000],
      [0.5, 3000],
      [1, 5000],
    ] as const) {
      const { after, overload } = world(chance);
      await after(2, { heap: 0.9 });
      expect(await overload.admit()).toBe(wait);
    }
  });

  it('is measured on the process itself', () => {
    const watch = watchProcessLoad();
    const { delayMs, utilization, processor, heap } = watch.read();
    watch.stop();
    expect(delayMs).toBeGreaterThanOrEqual(-10);
    expect(utilization).toBeGreaterThanOrEqual(0);
    expect(utilization).toBeLessThanOrEqual(1);
    expect(processor).toBeGreaterThanOrEqual(0);
    expect(heap).toBeGreaterThan(0);
    expect(heap).toBeLessThan(1);
  });
});
