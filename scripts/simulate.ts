/**
 * Simulates the logs: the production writer, feed, subscriber and group of subscribers on virtual time, between an
 * adversary and clients.
 *
 *     npm run simulate -- --seeds 500     seeds 1 to 500, then every broken variant (--variants 0 leaves them out)
 *     npm run simulate -- --seed 42       one seed, with everything that happened in it
 *
 * Exits 1 when a promise was broken, or when a broken variant was not caught.
 */
import { parseArgs } from 'node:util';
import { runSeed } from '../tests/simulation/model/run.js';
import { runSeeds, scheduleOf } from '../tests/simulation/simulate.js';
import { SOURCE_VARIANTS } from '../tests/simulation/variants-of-source.js';
import { SURROUNDINGS_VARIANTS } from '../tests/simulation/variants-of-surroundings.js';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string', default: '500' },
    first: { type: 'string', default: '1' },
    variants: { type: 'string', default: '40' },
  },
});

function whole(name: 'seed' | 'seeds' | 'first' | 'variants', minimum: number): number {
  const number = Number(values[name]);
  if (!Number.isSafeInteger(number) || number < minimum) {
    console.error(`--${name} must be a whole number from ${minimum}`);
    process.exit(1);
  }
  return number;
}

const secondsSince = (start: number): string => `${((performance.now() - start) / 1000).toFixed(1)} s`;

async function replay(seed: number): Promise<boolean> {
  const outcome = await runSeed(seed);
  for (const line of outcome.lines) console.log(line);
  const { acks, deliveries, pages, violations } = outcome;
  console.log(
    `seed ${seed}: ${acks} acknowledgements, ${deliveries} deliveries, ${pages} pages, ${violations.length} violations`,
  );
  return violations.length === 0;
}

async function simulate(first: number, seeds: number): Promise<boolean> {
  const start = performance.now();
  const { failed, acks, deliveries, pages, counts } = await runSeeds(first, seeds);
  console.log(
    `${seeds} schedules in ${secondsSince(start)}: ${acks} acknowledgements, ${deliveries} deliveries, ${pages} pages`,
  );
  const { crashes, stepDowns, busHangs, storeHangs, restores, retentions, poison } = counts;
  console.log(
    `against ${crashes} crashes, ${stepDowns} step-downs, ${busHangs} hangs of the bus, ${storeHangs} of the store,`,
  );
  console.log(`        ${restores} restored backups, ${retentions} retentions, ${poison} forged events`);
  console.log(`schedules with a violation: ${failed.length}`);
  for (const { seed, violations } of failed) console.log(`  seed ${seed}: ${violations[0] ?? ''}`);
  return failed.length === 0;
}

async function tryVariants(seeds: number): Promise<boolean> {
  const start = performance.now();
  let allCaught = true;
  console.log(`\nbroken variants, ${seeds} schedules each: how many show it`);
  for (const variant of [...SOURCE_VARIANTS, ...SURROUNDINGS_VARIANTS]) {
    const { failed } = await runSeeds(1, seeds, await scheduleOf(variant));
    allCaught &&= failed.length > 0;
    console.log(
      `  ${String(failed.length).padStart(4)}  ${variant.name}${failed.length === 0 ? '  NOT CAUGHT' : ''}`,
    );
  }
  console.log(`in ${secondsSince(start)}`);
  return allCaught;
}

async function main(): Promise<boolean> {
  if (values.seed !== undefined) return replay(whole('seed', 0));
  const isSound = await simulate(whole('first', 0), whole('seeds', 1));
  const variants = whole('variants', 0);
  return (variants === 0 || (await tryVariants(variants))) && isSound;
}

process.exitCode = (await main()) ? 0 : 1;
