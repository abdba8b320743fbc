/**
 * The scenarios of a suite in their long form. Prints a table of what was held and what came of it.
 *
 *     npm run test:faults             all of them
 *     npm run test:faults -- R2 R4    these alone
 *     npm run test:ranking -- P4      likewise
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The longest scenario takes a few minutes; a slow machine several times as much. */
const TEST_TIMEOUT_MS = 45 * 60_000;

/** What vitest runs for each suite. */
const SUITES = {
  faults: ['--project', 'faults'],
  ranking: ['--project', 'ranking', '--project', 'contract', 'tests/ranking/', 'presence-store.property'],
};

const [suite = '', ...names] = process.argv.slice(2);
const chosen = names.map((name) => name.toUpperCase());
const folder = mkdtempSync(join(tmpdir(), 'madang-faults-'));
const table = join(folder, 'table');
const args = ['node_modules/vitest/vitest.mjs', 'run', ...SUITES[suite], `--testTimeout=${TEST_TIMEOUT_MS}`];
// "R2" must not choose "R20".
if (chosen.length > 0) args.push('-t', `(^|\\W)(${chosen.join('|')})(\\W|$)`);

const { status } = spawnSync(process.execPath, args, {
  stdio: 'inherit',
  env: { ...process.env, MADANG_FAULTS: 'long', MADANG_LONG_TESTS: '1', MADANG_FAULTS_FILE: table },
});
const rows = existsSync(table) ? readFileSync(table, 'utf8') : '';
rmSync(folder, { recursive: true, force: true });
console.log(`\n${rows}`);
if (rows === '') console.log('No scenario ran.');
process.exitCode = rows === '' ? 1 : (status ?? 1);
