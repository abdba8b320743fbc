/** Before `npm start`: builds when nothing is built yet, or when a source is newer than what is built. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const BUILT = ['dist/main.js', 'dist/schema.graphql', 'dist/client/index.html'];
const SOURCES = ['src', 'schema', 'client', 'package.json', 'tsconfig.json', 'codegen.ts'];
const NOT_SOURCES = new Set(['__generated__', 'node_modules']);

/** @returns {number} when this file, or the newest file below this folder, was changed */
function newest(path) {
  if (!existsSync(path)) return 0;
  if (!statSync(path).isDirectory()) return statSync(path).mtimeMs;
  const names = readdirSync(path).filter((name) => !NOT_SOURCES.has(name));
  return Math.max(0, ...names.map((name) => newest(join(path, name))));
}

const built = Math.min(...BUILT.map(newest));
if (existsSync('src') && Math.max(...SOURCES.map(newest)) > built) {
  console.log('Building …');
  const { status } = spawnSync('npm', ['run', '--silent', 'build'], { stdio: 'inherit', shell: true });
  process.exitCode = status ?? 1;
}
