import { describe, expect, test } from 'vitest';
import { silentLogger } from '../../../src/lib/logger.js';
import { createFeedRepairs, repairPauseMs } from '../../../src/log/feed-repairs.js';
import { LOG_LIMITS } from '../../../src/log/log-limits.js';
import { createFakeClock } from '../../testkit/log/fake-clock.js';
import { createCounts } from '../../testkit/log/log-world.js';

const LIMITS = { ...LOG_LIMITS, maxReplayed: 1000 };
const SOON_MS = LIMITS.repairDelayMs + LIMITS.repairDelayJitterMs / 2;

/** Repairs that take `tookMs` and end as they are told; `at` says when each began. */
function start() {
  const clock = createFakeClock();
  const { counts, metrics } = createCounts();
  const seconds: number[] = [];
  const state = { whole: true, found: true, fails: false, tookMs: 0, under: 0, most: 0 };
  const at: number[] = [];
  const repairs = createFeedRepairs(
    {
      clock,
      chance: () => 0.5,
      limits: LIMITS,
      log: silentLogger,
      metrics: {
        ...metrics,
        feedRepair: (result, took) => {
          metrics.feedRepair(result, took);
          seconds.push(took);
        },
      },
    },
    {
      async repair() {
        at.push(clock.monotonic());
        state.under += 1;
        state.most = Math.max(state.most, state.under);
        await new Promise<void>((resolve) => void clock.after(state.tookMs, resolve));
        state.under -= 1;
        if (state.fails) throw new Error('the store is away');
        return state.found;
      },
      isWhole: () => state.whole,
    },
  );
  return { clock, counts, seconds, state, at, repairs };
}

test('the pause after failures doubles up to its limit, and is at least half of that', () => {
  const { repairRetryMs, maxRepairRetryMs } = LIMITS;
  for (let failures = 0; failures < 60; failures += 1) {
    const longest = Math.min(maxRepairRetryMs, repairRetryMs * 2 ** failures);
    expect(repairPauseMs(LIMITS, () => 0, failures)).toBe(longest);
    expect(repairPauseMs(LIMITS, () => 0.5, failures)).toBe(longest * 0.75);
    expect(repairPauseMs(LIMITS, () => 1, failures)).toBe(longest / 2);
  }
});

describe('repairs', () => {
  test('begin at once, or after the delay in which events may still come', async () => {
    const { clock, counts, at, repairs } = start();
    repairs.want('late', 'now');
    expect(at).toEqual([0]);
    await clock.pass(100);
    repairs.want('far', 'soon');
    repairs.want('far', 'soon');
    await clock.pass(SOON_MS - 0.1);
    expect(at).toEqual([0]);
    await clock.pass(1000);
    expect(at).toEqual([0, 100 + SOON_MS]);
    expect([counts.get('gap late'), counts.get('gap far'), counts.get('repair found')]).toEqual([1, 1, 2]);
    expect(clock.pending()).toBe(0);
  });

  test('begin at once though one is due soon, and then only once', async () => {
    const { clock, state, at, repairs } = start();
    Object.assign(state, { whole: false, tookMs: 100 });
    repairs.want('far', 'soon');
    await clock.pass(1);
    repairs.want('ahead', 'now');
    await clock.pass(50);
    state.whole = true;
    await clock.pass(1000);
    expect(at).toEqual([1]);
  });

  test('are left out when nothing is missing any more, unless one is due all the same', async () => {
    const { clock, state, at, repairs } = start();
    state.whole = false;
    repairs.want('missing', 'unless whole');
    state.whole = true;
    await clock.pass(1000);
    expect(at).toEqual([]);
    state.whole = false;
    repairs.want('missing', 'unless whole');
    repairs.want('previous', 'soon');
    repairs.want('missing', 'unless whole');
    state.whole = true;
    await clock.pass(1000);
    expect(at).toEqual([1000 + SOON_MS]);
    repairs.want('missing', 'unless whole');
    await clock.pass(1000);
    expect(at).toHaveLength(1);
  });

  test('are made one at a time: what is wanted meanwhile is one more after it', async () => {
    const { clock, counts, seconds, state, at, repairs } = start();
    state.tookMs = 2000;
    repairs.want('late', 'now');
    await clock.pass(500);
    for (const when of ['now', 'soon', 'unless whole'] as const) repairs.want('far', when);
    expect(counts.get('gap far')).toBe(1);
    await clock.pass(20_000);
    expect(at).toEqual([0, 2000 + SOON_MS]);
    expect([state.most, seconds]).toEqual([1, [2, 2]]);
    expect(clock.pending()).toBe(0);
  });

  test('are made again while something is missing, though nobody says so', async () => {
    const { clock, counts, state, at, repairs } = start();
    state.whole = false;
    state.found = false;
    repairs.want('missing', 'unless whole');
    await clock.pass(2 * SOON_MS);
    expect([at, counts.get('repair nothing')]).toEqual([[SOON_MS, 2 * SOON_MS], 2]);
    state.whole = true;
    await clock.pass(1000);
    expect(at).toHaveLength(2);
  });

  test('that fail are tried again ever more slowly, however whole the feed is, and from the first pause on after one that worked', async () => {
    const { clock, counts, state, at, repairs } = start();
    const pauses = () => at.map((time, index) => time - (at[index - 1] ?? 0)).slice(1);
    const expected = [0, 1, 2, 3].map((failures) => repairPauseMs(LIMITS, () => 0.5, failures));
    for (let round = 1; round <= 2; round += 1) {
      at.length = 0;
      state.fails = true;
      repairs.want('far', 'now');
      while (at.length < 4) await clock.pass(1);
      state.fails = false;
      await clock.pass(10_000);
      expect(pauses()).toEqual(expected);
    }
    expect([counts.get('repair failed'), counts.get('repair found')]).toEqual([8, 2]);
    expect(clock.pending()).toBe(0);
  });

  test('end with the feed: none begins after that, and one that is under way is the last', async () => {
    const { clock, state, at, repairs } = start();
    repairs.want('far', 'soon');
    repairs.stop();
    repairs.want('far', 'now');
    expect(clock.pending()).toBe(0);
    await clock.pass(1000);
    expect(at).toEqual([]);
    const other = start();
    Object.assign(other.state, { tookMs: 100, fails: true, whole: false });
    other.repairs.want('far', 'now');
    other.repairs.stop();
    await other.clock.pass(10_000);
    expect([other.at, other.clock.pending()]).toEqual([[0], 0]);
    expect(state.most).toBe(0);
  });
});
