/**
 * `npm run dev`: generated code follows the schema and the client's operations, the server restarts and the
 * client reloads when a source changes. When one of the three ends, all end.
 */
import { spawn, spawnSync } from 'node:child_process';
import { delimiter, resolve } from 'node:path';

const env = { ...process.env, PATH: `${resolve('node_modules/.bin')}${delimiter}${process.env.PATH}` };
const options = { stdio: 'inherit', env };

// Once before the others: they need what it generates.
const { status } = spawnSync('graphql-codegen', ['--config', 'codegen.ts'], options);
if (status !== 0) process.exit(status ?? 1);

const children = [
  spawn('graphql-codegen', ['--config', 'codegen.ts', '--watch'], options),
  spawn('tsx', ['watch', '--clear-screen=false', 'src/main.ts'], options),
  spawn('vite', ['client', '--clearScreen', 'false'], options),
];

function end(code) {
  for (const child of children) child.kill();
  process.exitCode = code;
}
for (const child of children) child.once('exit', (code) => end(code ?? 0));
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => end(0));
