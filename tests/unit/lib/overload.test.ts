import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/lib/logger.js';
import { createOverload } from '../../../src/lib/overload.js';
import { type Load, watchProcessLoad } from '../../../src/lib/process-load.js';
import { createManualClock } from '../../testkit/manual-clock.js';

const CALM: Load = { delayMs: 5, utilization: 0.1, processor: 1, heap: 0.3 };

function world(chance = 0) {
  const clock = createManualClock();
  let load = CALM;
  let usedMs = 0;
  let endTurn = (): void => undefined;
  const changes: boolean[] = [];
  const overload = createOverload({
    read: () => load,
    processorMs: () => usedMs,
    afterTurn: (callback) => (endTurn = callback),
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
    /** How many of the newcomers of one turn are let in, when each takes so much processor time. */
    letIn(newcomers: number, eachMs: number) {
      let admitted = 0;
      for (let index = 0; index < newcomers; index += 1) {
        if (overload.retryAfterMs() !== null) continue;
        admitted += 1;
        usedMs += eachMs;
      }
      endTurn();
      return admitted;
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

  it('serves newcomers for 120 ms of each turn and turns the rest of it away', async () => {
    const { after, letIn } = world();
    expect(letIn(100, 10)).toBe(100);
    await after(5, { delayMs: 300 });
    expect([letIn(100, 10), letIn(100, 10), letIn(5, 10)]).toEqual([12, 12, 5]);
    await after(3, {});
    expect(letIn(100, 10)).toBe(100);
  });

  it('lets nobody in while memory is short', async () => {
    const { after, letIn } = world();
    await after(2, { heap: 0.9 });
    expect(letIn(10, 1)).toBe(0);
    await after(1, { heap: 0.69 });
    expect(letIn(10, 1)).toBe(10);
  });

  it('asks newcomers to wait between 1 and 5 s', async () => {
    for (const [chance, wait] of [
      [0, 1000],
      [0.5, 3000],
      [1, 5000],
    ] as const) {
      const { after, overload } = world(chance);
      await after(2, { heap: 0.9 });
      expect(overload.retryAfterMs()).toBe(wait);
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
