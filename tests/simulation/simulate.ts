import type { Counts } from './model/adversary.js';
import { runSeed, type Outcome, type Schedule } from './model/run.js';
import { loadPatched } from './patched-source.js';
import type { Variant } from './variants.js';

/** What many seeds gave together. */
interface Totals {
  readonly seeds: number;
  readonly failed: readonly Outcome[];
  readonly acks: number;
  readonly deliveries: number;
  readonly pages: number;
  readonly counts: Counts;
}

/** Runs the seeds from `first` on. */
export async function runSeeds(first: number, seeds: number, schedule: Schedule = {}): Promise<Totals> {
  const failed: Outcome[] = [];
  const totals = { acks: 0, deliveries: 0, pages: 0 };
  const counts: Counts = {
    crashes: 0,
    stepDowns: 0,
    busHangs: 0,
    partitions: 0,
    sleeps: 0,
    storeHangs: 0,
    restores: 0,
    retentions: 0,
    poison: 0,
  };
  for (let seed = first; seed < first + seeds; seed += 1) {
    const outcome = await runSeed(seed, schedule);
    if (outcome.violations.length > 0) failed.push(outcome);
    totals.acks += outcome.acks;
    totals.deliveries += outcome.deliveries;
    totals.pages += outcome.pages;
    for (const name of Object.keys(counts) as (keyof Counts)[]) counts[name] += outcome.counts[name];
  }
  return { seeds, failed, ...totals, counts };
}

/** The schedule of a variant, with its changed source loaded. */
export async function scheduleOf({ schedule, patches }: Variant): Promise<Schedule> {
  if (patches === undefined) return schedule;
  return { ...schedule, twist: { ...schedule.twist, ...(await loadPatched(patches)) } };
}

/** The first seed that shows what is wrong with a variant, or null when none of so many does. */
export async function catchVariant(variant: Variant, seeds: number): Promise<Outcome | null> {
  const schedule = await scheduleOf(variant);
  for (let seed = 1; seed <= seeds; seed += 1) {
    const outcome = await runSeed(seed, schedule);
    if (outcome.violations.length > 0) return outcome;
  }
  return null;
}
