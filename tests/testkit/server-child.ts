import { spawn, type ChildProcess } from 'node:child_process';
import { setTimeout as wait } from 'node:timers/promises';
import { builtEntryPoint } from './services/index.js';
import { ownProcess } from './services/guardian.js';

export interface ServerChildOptions {
  /** Settings, besides `PORT=0` and JSON logs. Nothing is inherited but PATH and HOME. */
  readonly env: Readonly<Record<string, string>>;
  /** Working folder. Default: the checkout. */
  readonly cwd?: string;
  /** What to run instead of the built entry point, for example one from an installed package. */
  readonly entryPoint?: string;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

/** A server in a process of its own: the built entry point, as a user runs it. */
export interface ServerChild {
  /** Address of the present process, such as `http://127.0.0.1:41234`. Changes with a restart. */
  url(): string;
  pid(): number;
  isRunning(): boolean;
  /** Everything that it wrote, over all restarts. */
  output(): string;
  /** Resolves with its address when it said it, and fails when it ends before. */
  listening(): Promise<string>;
  /** Resolves when `/readyz` answers 200, and fails when it ends before. */
  ready(): Promise<void>;
  /** Resolves when the present process is gone. */
  exited(): Promise<Exit>;
  /** SIGKILL. */
  kill(): Promise<Exit>;
  /** SIGTERM, or another signal that ends it. */
  stop(signal?: NodeJS.Signals): Promise<Exit>;
  pause(): void;
  resume(): void;
  /** Starts it again after it ended, with these settings added; resolves when it is ready. */
  restart(env?: Readonly<Record<string, string>>): Promise<void>;
}

const START_TIMEOUT_MS = 60_000;
const POLL_MS = 50;
const PROBE_TIMEOUT_MS = 2_000;

/** Starts a server without waiting for anything. It dies with the test run at the latest. */
export async function spawnServer(options: ServerChildOptions): Promise<ServerChild> {
  const entryPoint = options.entryPoint ?? (await builtEntryPoint());
  let output = '';
  let sinceStart = '';
  /** Where it listens, once it said so: clients ask before each try, and what it says becomes long. */
  let knownAddress: string | undefined;
  let child: ChildProcess;
  let exited: Promise<Exit>;

  function start(env: Readonly<Record<string, string>>): void {
    sinceStart = '';
    knownAddress = undefined;
    const started = spawn(process.execPath, [entryPoint], {
      cwd: options.cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], PORT: '0', LOG_FORMAT: 'json', ...env },
    });
    child = started;
    const disown = ownProcess(started.pid ?? 0);
    for (const stream of [started.stdout, started.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString();
        sinceStart += chunk.toString();
      });
    }
    exited = new Promise((resolve) => {
      // After the last output, not before it.
      started.once('close', (code, signal) => {
        disown();
        resolve({ code, signal });
      });
    });
  }
  start(options.env);

  const isRunning = (): boolean => child.exitCode === null && child.signalCode === null;
  const address = (): string | undefined =>
    (knownAddress ??= /https?:\/\/[^\s"/]+:\d+/.exec(sinceStart)?.[0]);

  async function until<Value>(what: string, probe: () => Value | undefined | Promise<Value | undefined>) {
    const deadline = Date.now() + START_TIMEOUT_MS;
    for (;;) {
      const value = await probe();
      if (value !== undefined) return value;
      if (!isRunning() || Date.now() > deadline) {
        const how = isRunning() ? 'in time' : `before it ended (${JSON.stringify(await exited)})`;
        throw new Error(`The server was not ${what} ${how}:\n${sinceStart.slice(-8000)}`);
      }
      await wait(POLL_MS);
    }
  }

  const listening = (): Promise<string> => until('listening', address);
  async function ready(): Promise<void> {
    const url = await listening();
    await until('ready', async () => {
      const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) }).catch(
        () => null,
      );
      await response?.arrayBuffer();
      return response?.status === 200 ? true : undefined;
    });
  }

  async function end(signal: NodeJS.Signals): Promise<Exit> {
    child.kill(signal);
    return exited;
  }

  return {
    url() {
      const url = address();
      if (url === undefined) throw new Error('not listening yet');
      return url;
    },
    pid: () => child.pid ?? 0,
    isRunning,
    output: () => output,
    listening,
    ready,
    exited: () => exited,
    kill: () => end('SIGKILL'),
    stop: (signal = 'SIGTERM') => end(signal),
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    async restart(env = {}) {
      await exited;
      start({ ...options.env, ...env });
      await ready();
    },
  };
}

/** Starts a server and resolves when it is ready. */
export async function startServerChild(options: ServerChildOptions): Promise<ServerChild> {
  const server = await spawnServer(options);
  await server.ready();
  return server;
}
