/**
 * `npm run test:faults`: the fault scenarios in their long form; `-- R2 R4` runs these alone. Prints a table of
 * what was held and what came of it.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The longest scenario takes a few minutes; a slow machine several times as much. */
const TEST_TIMEOUT_MS = 45 * 60_000;

const chosen = process.argv.slice(2).map((name) => name.toUpperCase());
const folder = mkdtempSync(join(tmpdir(), 'madang-faults-'));
const table = join(folder, 'table');
const args = [
  'node_modules/vitest/vitest.mjs',
  'run',
  '--project',
  'faults',
  `--testTimeout=${TEST_TIMEOUT_MS}`,
];
// "R2" must not choose "R20".
if (chosen.length > 0) args.push('-t', `(^|\\W)(${chosen.join('|')})(\\W|$)`);

const { status } = spawnSync(process.execPath, args, {
  stdio: 'inherit',
  env: { ...process.env, MADANG_FAULTS: 'long', MADANG_FAULTS_FILE: table },
});
const rows = existsSync(table) ? readFileSync(table, 'utf8') : '';
rmSync(folder, { recursive: true, force: true });
console.log(`\n${rows}`);
if (rows === '') console.log('No scenario ran.');
process.exitCode = rows === '' ? 1 : (status ?? 1);
