import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freePort } from '../testkit/free-port.js';

const SOON = { timeout: 60_000, interval: 200 };
const COPIED = ['src', 'schema', 'client', 'scripts', 'codegen.ts', 'package.json', 'tsconfig.json'];

let folder = '';
let child: ChildProcess;
let output = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'madang-dev-'));
  for (const name of COPIED) await cp(name, join(folder, name), { recursive: true });
  // Packages one by one, so that what tools keep beside them stays with the copy.
  await mkdir(join(folder, 'node_modules'));
  for (const name of await readdir('node_modules')) {
    if (name === '.bin' || !name.startsWith('.'))
      await symlink(resolve('node_modules', name), join(folder, 'node_modules', name));
  }
  child = spawn(process.execPath, ['scripts/dev.js'], {
    cwd: folder,
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      PORT: `${await freePort()}`,
      DATA_DIR: join(folder, 'data'),
      NO_COLOR: '1',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => (output += text));
});
afterAll(async () => {
  if (child.exitCode === null) {
    child.kill('SIGINT');
    await once(child, 'exit');
  }
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
});

/** Changes one file of the copy. */
async function edit(file: string, from: string, to: string): Promise<void> {
  const path = join(folder, file);
  const before = await readFile(path, 'utf8');
  expect(before).toContain(from);
  await writeFile(path, before.replace(from, to));
}

it('npm run dev: the client is replaced, the server restarts and generated code follows when a file is edited', async () => {
  const said = (pattern: RegExp) => expect.poll(() => output, SOON).toMatch(pattern);
  await said(/Local: +http:\S+/);
  const address = /Local: +(http:\S+?)\/client\//.exec(output)?.[1] ?? '';
  const longest = async () => {
    const response = await fetch(`${address}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"query":"{ settings { maxMessageLength } }"}',
    });
    const text = await response.text();
    return response.ok ? (JSON.parse(text) as unknown) : text;
  };
  const answer = (maxMessageLength: number) => ({ data: { settings: { maxMessageLength } } });
  await expect.poll(longest, SOON).toEqual(answer(2000));
  const app = async () => (await fetch(`${address}/client/src/App.tsx`)).text();
  expect(await app()).toContain('pickARoom');

  await edit('client/src/App.tsx', 'texts.pickARoom', 'texts.noRoomsYet');
  await said(/hmr update \S*App\.tsx/);
  expect(await app()).toContain('noRoomsYet');

  await edit('src/config.ts', 'integer(1, 4000).default(2000)', 'integer(1, 4000).default(1234)');
  await expect.poll(longest, SOON).toEqual(answer(1234));

  const more = 'query Probe {\n  settings {\n    maxMessageLength\n  }\n}\n';
  await writeFile(join(folder, 'client/src/session/probe.graphql'), more);
  const operations = join(folder, 'client/src/__generated__/operations.ts');
  await expect.poll(() => readFile(operations, 'utf8'), SOON).toContain('ProbeQuery');
  expect(child.exitCode).toBeNull();
});

/** A server that takes its time to end, and says when there is another one beside it. */
const SLOW_SERVER = `
import { mkdirSync, rmdirSync } from 'node:fs';

try {
  mkdirSync('running');
  console.log('the slow server starts');
} catch {
  console.log('two servers');
}
setInterval(() => {}, 1000);
process.on('SIGINT', () => {
  console.log('the slow server ends');
  setTimeout(() => {
    rmdirSync('running');
    process.exit(0);
  }, 2000);
});
`;

it('npm run dev: there is one server, also when something changes while the one before is still ending', async () => {
  const times = (words: string) => output.split(words).length - 1;
  const saidTimes = (words: string, count: number) => expect.poll(() => times(words), SOON).toBe(count);
  const change = (to: string) => writeFile(join(folder, 'src/main.ts'), `${SLOW_SERVER}// ${to}\n`);
  await change('first');
  await saidTimes('the slow server starts', 1);
  await change('second');
  await saidTimes('the slow server ends', 1);
  await change('third');
  await saidTimes('the slow server starts', 2);
  await change('fourth');
  await saidTimes('the slow server starts', 3);
  expect(output).not.toContain('two servers');
});
