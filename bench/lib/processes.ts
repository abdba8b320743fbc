import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { pinned } from './machine.js';

export interface Running {
  readonly child: ChildProcess;
  /** The first match of this pattern in what it writes first or last. Fails when it ends before. */
  readonly said: (pattern: RegExp) => Promise<RegExpExecArray>;
  readonly stop: () => Promise<void>;
  /** What it wrote last. */
  readonly tail: () => string;
}

const KEPT_CHARACTERS = 20_000;
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Starts a program on one core. It ends with this process at the latest. */
export function start(
  core: number,
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Running {
  const [program, all] = pinned(core, command, args);
  const child = spawn(program, all, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], NODE_ENV: 'production', ...env },
  });
  running.add(child);
  let beginning = '';
  let output = '';
  const listeners = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      if (beginning.length < KEPT_CHARACTERS) beginning += `${line}\n`;
      else output = `${output}${line}\n`.slice(-KEPT_CHARACTERS);
      for (const listener of listeners) listener();
    });
  }
  const exited = once(child, 'exit').then(() => void running.delete(child));

  return {
    child,
    tail: () => (beginning + output).slice(-2000),
    said: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const match = pattern.exec(beginning + output);
          if (match === null) return;
          listeners.delete(look);
          resolve(match);
        };
        listeners.add(look);
        void exited.then(() => reject(new Error(`${args.join(' ')} ended:\n${beginning}${output}`)));
        look();
      }),
    async stop() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
