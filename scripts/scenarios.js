import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Runs vitest with `args` and the scenarios of these names alone, or all without names. The scenarios add their rows to
 * the file that `variable` names to them.
 *
 * @returns {{ status: number | null, rows: string }} vitest's exit code, and what that file then holds; empty when no
 *   scenario ran
 */
export function runScenarios({ args, names, variable, env }) {
  const folder = mkdtempSync(join(tmpdir(), 'madang-scenarios-'));
  const table = join(folder, 'table');
  // "R2" must not choose "R20".
  const choice = names.length === 0 ? [] : ['-t', `(^|\\W)(${names.join('|')})(\\W|$)`];
  const { status } = spawnSync(
    process.execPath,
    ['node_modules/vitest/vitest.mjs', 'run', ...args, ...choice],
    { stdio: 'inherit', env: { ...process.env, ...env, [variable]: table } },
  );
  const rows = existsSync(table) ? readFileSync(table, 'utf8') : '';
  rmSync(folder, { recursive: true, force: true });
  return { status, rows };
}
