/**
 * `npm run dev`: generated code follows the schema and the client's operations; the server restarts and the
 * client reloads when a source changes. A server that cannot start waits for the next change.
 */
import { spawn, spawnSync } from 'node:child_process';
import { watch } from 'node:fs';
import { delimiter, resolve } from 'node:path';

/** Editors write in several steps. */
const SETTLE_MS = 200;
const FOLDERS = ['src', 'schema', 'client'];

const env = { ...process.env, PATH: `${resolve('node_modules/.bin')}${delimiter}${process.env.PATH}` };
const options = { stdio: 'inherit', env };
const generate = () =>
  spawnSync('graphql-codegen', ['--config', 'codegen.ts', '--silent'], options).status ?? 1;
const serve = () =>
  spawn(process.execPath, ['--import', './scripts/run-typescript.js', 'src/main.ts'], options);

if (generate() !== 0) process.exit(1);
const client = spawn('vite', ['client', '--clearScreen', 'false'], options);
let server = serve();
let timer;
const changed = new Set();

/** The client's own sources are vite's affair, but for its operations. */
function apply() {
  const paths = [...changed];
  changed.clear();
  if (paths.some((path) => path.endsWith('.graphql'))) generate();
  if (paths.every((path) => path.startsWith('client'))) return;
  const start = () => (server = serve());
  if (server.exitCode !== null || server.signalCode !== null) start();
  // One that is on its way out already is followed by one, however often something changes meanwhile.
  else if (server.listenerCount('exit') === 0) server.once('exit', start).kill('SIGINT');
}

for (const folder of FOLDERS) {
  watch(folder, { recursive: true }, (_event, file) => {
    if (!/\.(ts|graphql|lua)$/.test(file ?? '') || file.includes('__generated__')) return;
    changed.add(`${folder}/${file}`);
    clearTimeout(timer);
    timer = setTimeout(apply, SETTLE_MS);
  });
}

function end(code) {
  server.removeAllListeners('exit');
  for (const child of [server, client]) child.kill('SIGINT');
  process.exit(code);
}
client.once('exit', (code) => end(code ?? 0));
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => end(0));
