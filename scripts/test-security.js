/**
 * `npm run test:security`: the security scenarios in their long form; `-- S4 S17` runs these alone. Prints a table
 * of what was tried and what came of it.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The longest scenario takes ten minutes; a slow machine several times as much. */
const TEST_TIMEOUT_MS = 45 * 60_000;

const chosen = process.argv.slice(2).map((name) => name.toUpperCase());
const folder = mkdtempSync(join(tmpdir(), 'madang-security-'));
const table = join(folder, 'table');
const args = [
  'node_modules/vitest/vitest.mjs',
  'run',
  '--project',
  'security',
  `--testTimeout=${TEST_TIMEOUT_MS}`,
];
// "S1" must not choose "S17".
if (chosen.length > 0) args.push('-t', `(^|\\W)(${chosen.join('|')})(\\W|$)`);

const { status } = spawnSync(process.execPath, args, {
  stdio: 'inherit',
  env: { ...process.env, MADANG_SECURITY: 'long', MADANG_SECURITY_FILE: table },
});
const rows = existsSync(table) ? readFileSync(table, 'utf8').trim().split('\n') : [];
rmSync(folder, { recursive: true, force: true });
console.log(`\n${rows.toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true })).join('\n')}`);
if (rows.length === 0) console.log('No scenario ran.');
process.exitCode = rows.length === 0 ? 1 : (status ?? 1);
