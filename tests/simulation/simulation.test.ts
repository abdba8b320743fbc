import { describe, expect, test } from 'vitest';
import { runSeed } from './model/run.js';
import { catchVariant, runSeeds } from './simulate.js';
import { CALM, MAX_LAG_MS } from './variants.js';
import { SOURCE_VARIANTS } from './variants-of-source.js';
import { SURROUNDINGS_VARIANTS } from './variants-of-surroundings.js';

const SEEDS = 150;
/** A variant shows in one of five to one of thirty seeds when its weather is rare. */
const VARIANT_SEEDS = 250;

const shown = (failed: readonly { seed: number; violations: readonly string[] }[]): unknown =>
  failed.map(({ seed, violations }) => ({ seed, violations }));

describe('the logs, and the groups of their subscribers, under an adversary', () => {
  test(`${SEEDS} seeds: nothing acknowledged is lost, nothing comes twice, one order (LOG-1 to LOG-9)`, async () => {
    const totals = await runSeeds(1, SEEDS);
    expect(shown(totals.failed)).toEqual([]);
    // An adversary that did nothing, or clients that got nothing, would prove nothing.
    expect(totals.acks).toBeGreaterThan(SEEDS * 10);
    expect(totals.deliveries).toBeGreaterThan(SEEDS * 40);
    expect(totals.pages).toBeGreaterThan(SEEDS);
    for (const count of Object.values(totals.counts)) expect(count).toBeGreaterThan(SEEDS / 20);
  });

  test('a seed gives the same run every time', async () => {
    expect(await runSeed(7)).toEqual(await runSeed(7));
  });

  test.each([
    ['no event arrives at all', { busLoss: 1 }],
    ['a third of the events is lost while clients move', { busLoss: 0.3, move: 4 }],
    ['the bus hangs again and again while clients move', { busHang: 1, move: 4 }],
    ['one instance after the other is cut off from the bus while clients move', { busPartition: 1, move: 4 }],
  ])(`LOG-9: who has caught up waits for at most ${MAX_LAG_MS} ms though %s`, async (_, weather) => {
    const totals = await runSeeds(1, 25, {
      weather: { ...CALM, stall: 0, ...weather },
      maxLagMs: MAX_LAG_MS,
    });
    expect(shown(totals.failed)).toEqual([]);
  });
});

describe('a simplification is caught', () => {
  test.each(
    [...SOURCE_VARIANTS, ...SURROUNDINGS_VARIANTS].map((variant) => [variant.name, variant] as const),
  )('%s', async (_, variant) => {
    const outcome = await catchVariant(variant, VARIANT_SEEDS);
    expect(outcome?.violations[0], `none of ${VARIANT_SEEDS} seeds showed it`).toBeDefined();
  });
});
