/**
 * The scenarios of a suite in their long form. Prints a table of what was held and what came of it.
 *
 *     npm run test:faults             all of them
 *     npm run test:faults -- R2 R4    these alone
 *     npm run test:faults -- R26      as `npm run simulate`; R28 as the browser below
 *     npm run test:ranking -- P4      likewise
 *     npm run test:browser            R28: a browser through twenty minutes of trouble
 *     npm run test:faults -- R8 --part 0.1      a tenth of the load and of the repeats
 *     npm run test:faults -- R27 --minutes 5    the soak, shorter than its half hour
 */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { runScenarios } from './scenarios.js';

/** The longest scenario takes a few minutes beside the soak; a slow machine several times as much. */
const testTimeoutMs = (minutes) => (45 + minutes) * 60_000;

/** What vitest runs for each suite. */
const SUITES = {
  faults: ['--project', 'faults'],
  browser: ['--project', 'e2e', 'tests/e2e/r28-browser'],
  ranking: ['--project', 'ranking', '--project', 'contract', 'tests/ranking/', 'presence-store'],
};
/** Scenarios of faults that are commands of their own, with what `--part` is to them. */
const SCHEDULES = 500;
const OWN_COMMANDS = {
  R26: ({ part }) => ['simulate', '--', '--seeds', `${Math.ceil(SCHEDULES * part)}`],
  R28: ({ part }) => ['test:browser', '--', '--part', part],
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { part: { type: 'string', default: '1' }, minutes: { type: 'string', default: '30' } },
});
for (const [name, value] of Object.entries(values)) {
  if (!(Number(value) > 0)) throw new Error(`--${name} must be a number above 0`);
}
const [suite = '', ...names] = positionals;
const wanted = names.map((name) => name.toUpperCase());
const chosen = wanted.filter((name) => OWN_COMMANDS[name] === undefined);
for (const name of wanted.filter((each) => !chosen.includes(each))) {
  const { status } = spawnSync('npm', ['run', ...OWN_COMMANDS[name](values)], { stdio: 'inherit' });
  process.exitCode ||= status ?? 1;
}
if (wanted.length > 0 && chosen.length === 0) process.exit();

const { status, rows } = runScenarios({
  args: [...SUITES[suite], `--testTimeout=${testTimeoutMs(Number(values.minutes))}`],
  names: chosen,
  variable: 'MADANG_FAULTS_FILE',
  env: {
    MADANG_FAULTS: 'long',
    MADANG_LONG_TESTS: '1',
    MADANG_FAULTS_PART: values.part,
    MADANG_FAULTS_MINUTES: values.minutes,
  },
});
console.log(`\n${rows}`);
if (rows === '') console.log('No scenario ran.');
process.exitCode ||= rows === '' ? 1 : (status ?? 1);
