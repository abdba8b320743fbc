/**
 * `npm run test:security`: the security scenarios in their long form; `-- S4 S17` runs these alone. Prints a table
 * of what was tried and what came of it.
 */
import { runScenarios } from './scenarios.js';

/** The longest scenario takes ten minutes; a slow machine several times as much. */
const TEST_TIMEOUT_MS = 45 * 60_000;

const { status, rows } = runScenarios({
  args: ['--project', 'security', `--testTimeout=${TEST_TIMEOUT_MS}`],
  names: process.argv.slice(2).map((name) => name.toUpperCase()),
  variable: 'MADANG_SECURITY_FILE',
  env: { MADANG_SECURITY: 'long' },
});
const sorted = rows
  .trim()
  .split('\n')
  .toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true }));
console.log(`\n${sorted.join('\n')}`);
if (rows === '') console.log('No scenario ran.');
process.exitCode = rows === '' ? 1 : (status ?? 1);
