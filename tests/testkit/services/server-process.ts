import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { run } from './commands.js';
import { ownContainer, ownFolder, ownProcess } from './guardian.js';

/** How one server is started and recognised. `port` and `folder` stay the same over its restarts. */
export interface ServerRecipe {
  readonly name: string;
  /** The command line for a start. A container gets a name, so that it can be signalled. */
  command(place: Place): CommandLine | Promise<CommandLine>;
  /** Set for a container: the engine that runs it. */
  readonly engine?: string;
  /** Resolves true when the server answers, false while it does not yet. */
  answers(place: Place): Promise<boolean>;
  /** Keeps the data of a former server. Default: a new temporary folder, removed at the end. */
  readonly folder?: string;
}

export interface CommandLine {
  readonly command: string;
  readonly args: readonly string[];
}

export interface Place {
  readonly port: number;
  readonly folder: string;
  readonly containerName: string;
}

/** A server of our own: it can be killed, paused and started again, on the same port and data. */
export interface ServerProcess {
  readonly port: number;
  readonly folder: string;
  isRunning(): boolean;
  /** Ends it like a power cut (SIGKILL) and resolves when it is gone. Does nothing when it is not running. */
  kill(): Promise<void>;
  /** Ends it gracefully (SIGTERM) and resolves when it is gone. */
  stop(): Promise<void>;
  /** Freezes it: its connections stay open and nothing is answered. */
  pause(): Promise<void>;
  /** Ends a pause. */
  resume(): Promise<void>;
  /** Starts it again; resolves when it answers. */
  start(): Promise<void>;
  /** Kills it and removes its data. Twice does nothing. */
  close(): Promise<void>;
}

/** Below the ports that a system hands out by itself, so that a port is still free when its server restarts. */
const FIRST_PORT = 12_000;
const LAST_PORT = 31_000;
const PORT_TRIES = 20;
const START_TIMEOUT_MS = 60_000;
const POLL_MS = 25;
const STOP_TIMEOUT_MS = 30_000;

/**
 * Resolves when every thread of a process stands still: on a busy machine it answers for a moment after SIGSTOP.
 * Where there is no /proc that is not known.
 */
async function stands(pid: number): Promise<void> {
  const tasks = `/proc/${pid}/task`;
  const isStopped = (task: string): boolean => {
    const stat = readFileSync(`${tasks}/${task}/stat`, 'utf8');
    return /^ T/i.test(stat.slice(stat.lastIndexOf(')') + 1));
  };
  while (existsSync(tasks)) {
    try {
      if (readdirSync(tasks).every(isStopped)) return;
    } catch {
      // A thread ended between the two looks.
    }
    await wait(1);
  }
}

/** Starts a server on a free port. @throws Error with the server's own words when it does not come up. */
export async function startServer(recipe: ServerRecipe): Promise<ServerProcess> {
  const folder = recipe.folder ?? (await mkdtemp(join(tmpdir(), `madang-${recipe.name}-`)));
  if (recipe.folder === undefined) ownFolder(folder);
  let child: ChildProcess | undefined;
  let disown = (): void => undefined;
  let output = '';
  let place: Place = { port: 0, folder, containerName: '' };

  const isRunning = (): boolean =>
    child !== undefined && child.exitCode === null && child.signalCode === null;

  async function start(): Promise<void> {
    if (isRunning()) return;
    output = '';
    // The name of a container is free again only a moment after its end.
    const containerName = `madang-${recipe.name}-${randomBytes(4).toString('hex')}`;
    place = { ...place, containerName };
    const { command, args } = await recipe.command(place);
    const started = spawn(command, [...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    child = started;
    started.on('error', (error) => (output += error.message));
    for (const stream of [started.stdout, started.stderr]) {
      stream.on('data', (chunk: Buffer) => (output = (output + chunk.toString()).slice(-4000)));
    }
    const disowned =
      recipe.engine === undefined
        ? ownProcess(started.pid ?? 0)
        : ownContainer(recipe.engine, place.containerName);
    disown = disowned;
    started.once('exit', disowned);
    const deadline = Date.now() + START_TIMEOUT_MS;
    while (!(await recipe.answers(place))) {
      if (!isRunning() || started.pid === undefined || Date.now() > deadline) {
        throw new Error(`${recipe.name} did not start (${command} ${args.join(' ')}):\n${output}`);
      }
      await wait(POLL_MS);
    }
  }

  async function signal(name: 'SIGKILL' | 'SIGTERM' | 'SIGSTOP' | 'SIGCONT'): Promise<void> {
    if (!isRunning()) return;
    if (recipe.engine === undefined) {
      child?.kill(name);
      if (name === 'SIGSTOP' && child?.pid !== undefined) await stands(child.pid);
      return;
    }
    const verbs = {
      SIGKILL: ['kill'],
      SIGTERM: ['stop'],
      SIGSTOP: ['pause'],
      SIGCONT: ['unpause'],
    };
    // An engine kills nothing that is paused.
    if (name === 'SIGKILL' || name === 'SIGTERM') await run(recipe.engine, ['unpause', place.containerName]);
    await run(recipe.engine, [...verbs[name], place.containerName]);
  }

  async function end(name: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    if (!isRunning()) return;
    const gone = new Promise<void>((resolve) => {
      child?.once('exit', () => resolve());
    });
    await signal(name);
    if (name === 'SIGTERM') {
      const timer = setTimeout(() => void signal('SIGKILL'), STOP_TIMEOUT_MS);
      await gone;
      clearTimeout(timer);
    }
    await gone;
  }

  for (let attempt = 1; ; attempt += 1) {
    place = {
      port: FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT)),
      folder,
      containerName: '',
    };
    try {
      await start();
      break;
    } catch (error) {
      await end('SIGKILL');
      const taken = /in use|already allocated|EADDRINUSE/i.test(output);
      if (!taken || attempt === PORT_TRIES) throw error;
    }
  }

  return {
    port: place.port,
    folder,
    isRunning,
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
    pause: () => signal('SIGSTOP'),
    resume: () => signal('SIGCONT'),
    start,
    async close() {
      await end('SIGKILL');
      disown();
      if (recipe.folder === undefined) await rm(folder, { recursive: true, force: true });
    },
  };
}
