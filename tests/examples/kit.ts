import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { cp, readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { startFaultProxy, type FaultProxy } from '../testkit/faults/proxy.js';
import { readLog } from '../testkit/seed.js';
import { cached } from '../testkit/services/cache.js';
import { onPath } from '../testkit/services/commands.js';
import { ownProcess } from '../testkit/services/guardian.js';
import { eventually } from '../api/world.js';

const EXAMPLES = resolve('examples');
/** `npm install` without scripts, advice and noise. */
export const QUIET: readonly string[] = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];

/** A program of an example and what it printed. */
export interface Running {
  readonly output: () => string;
  readonly exited: Promise<number | null>;
  kill(): Promise<void>;
}

/** Starts a program; it ends with its test at the latest. */
export function start(
  command: string,
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): Running {
  const child = spawn(command, [...args], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own: package managers start programs that start others.
    detached: true,
  });
  const disown = ownProcess(child.pid ?? 0);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  }
  const exited = new Promise<number | null>((done) => {
    child.once('error', (error) => {
      output += String(error);
      done(null);
    });
    child.once('close', (code) => {
      disown();
      done(code);
    });
  });
  const kill = async () => {
    const isRunning = child.exitCode === null && child.signalCode === null;
    if (isRunning && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    await exited;
  };
  onTestFinished(kill);
  return { output: () => output, exited, kill };
}

/** Runs a program to its end. @throws Error with its output unless it succeeds. */
export async function finish(
  command: string,
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  const program = start(command, args, cwd, env);
  const code = await program.exited;
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}:\n${program.output()}`);
}

/**
 * A test that needs tools of other languages, given their paths. Where one is missing the run says at its end that
 * the example was left out; in CI that is a failure.
 */
export function needing<const Names extends readonly string[]>(
  names: Names,
  test: (paths: { readonly [Index in keyof Names]: string }) => Promise<void>,
): () => Promise<void> {
  return async () => {
    const paths = names.map((name) => onPath(name));
    const missing = names.filter((_, index) => paths[index] === null);
    if (missing.length === 0) return test(paths as { readonly [Index in keyof Names]: string });
    const words = `LEFT OUT "${expect.getState().currentTestName}": no ${missing.join(', ')} on PATH`;
    if (process.env['CI'] !== undefined) throw new Error(words);
    console.log(words);
    const told = process.env['MADANG_TEST_SERVICES_FILE'];
    if (told !== undefined) appendFileSync(told, `${words}\n`);
    return undefined;
  };
}

/** Everything in the folder of an example, as it would be hashed for a cache. */
async function fingerprint(folder: string): Promise<string> {
  const hash = createHash('sha256').update(process.version);
  for (const name of (await readdir(folder)).sort())
    hash.update(name).update(await readFile(join(folder, name)));
  return hash.digest('hex').slice(0, 16);
}

/**
 * A copy of the example outside the checkout, with what it depends on installed by `install`. Made once for
 * each state of its files.
 */
export async function installed(name: string, install: (folder: string) => Promise<void>): Promise<string> {
  const source = join(EXAMPLES, name);
  return cached(`example-${name}-${await fingerprint(source)}`, async (folder) => {
    await cp(source, folder, { recursive: true });
    await install(folder);
  });
}

/** Installs an example of TypeScript, and checks its types. */
export const withNpm = (name: string): Promise<string> =>
  installed(name, async (folder) => {
    await finish(
      'npm',
      ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'],
      folder,
    );
    await finish('npm', ['run', '--silent', 'typecheck'], folder);
  });

export async function proxyTo(url: string): Promise<{ proxy: FaultProxy; url: string }> {
  const { hostname: host, port } = new URL(url);
  const proxy = await startFaultProxy({ host, port: Number(port) });
  onTestFinished(() => proxy.close());
  return { proxy, url: `http://${proxy.host}:${proxy.port}` };
}

/** What `converse` tells of an example that did all it should. */
export const WHOLE = { cut: true, texts: Array.from({ length: 10 }, (_, index) => `message ${index + 1}`) };

/**
 * Runs an example through a proxy that cuts all its connections twice while it talks, the second time for a
 * while. It must print `ok`, and the room must hold each of its messages once and in order.
 */
export async function converse(server: string, command: string, args: readonly string[], folder: string) {
  const { proxy, url } = await proxyTo(server);
  const program = start(command, args, folder, { MADANG_URL: url });
  const ended = program.exited.then((code) => {
    throw new Error(`ended too early with ${code}:\n${program.output()}`);
  });
  ended.catch(() => undefined);
  const room = () => /^room (\S+)$/m.exec(program.output())?.[1];
  const roomId = await Promise.race([eventually(room, (id) => id !== undefined), ended]);
  const texts = async () => (await readLog(server, roomId ?? '')).map(({ text }) => text);
  const reaches = (count: number) =>
    Promise.race([eventually(texts, ({ length }) => length >= count), ended]);
  await reaches(3);
  const open = proxy.connections();
  proxy.reset();
  await reaches(6);
  proxy.set({ down: true });
  await new Promise((done) => setTimeout(done, 300));
  proxy.heal();
  const code = await program.exited;
  const isOk = /^ok$/m.test(program.output());
  if (code !== 0 || !isOk) throw new Error(`ended with ${code}:\n${program.output()}`);
  return { cut: open > 0, texts: await texts() };
}
