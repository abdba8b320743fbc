import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { LOAD_CORE, pinned } from './machine.js';

const SOURCES = fileURLToPath(new URL('../load/', import.meta.url));
const PROGRAM = join(SOURCES, 'build', 'load');

export interface Latencies {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** What the load client prints after a phase; times in microseconds unless their name says otherwise. */
export interface Phase {
  readonly phase: string;
  readonly seconds: number;
  readonly sent: number;
  readonly deliveries: number;
  readonly answers: number;
  /** User and system time of the server during the phase. */
  readonly cpuUs: number;
  readonly latencyUs: Latencies;
  readonly httpUs: Latencies;
  /** Deliveries that were still to come at the end. */
  readonly behind: number;
  readonly connectCpuUs: number;
  readonly subscribeCpuUs: number;
}

/** A Node client would be slower than the servers it measures, so the load comes from a small C program. */
export function buildLoad(): string {
  const sources = readdirSync(SOURCES).filter((name) => name.endsWith('.c'));
  const newest = Math.max(...readdirSync(SOURCES).map((name) => statSync(join(SOURCES, name)).mtimeMs));
  if (existsSync(PROGRAM) && statSync(PROGRAM).mtimeMs > newest) return PROGRAM;
  mkdirSync(join(SOURCES, 'build'), { recursive: true });
  const flags = ['-O2', '-Wall', '-D_GNU_SOURCE', '-o', PROGRAM];
  const built = spawnSync('cc', [...flags, ...sources], { cwd: SOURCES, encoding: 'utf8' });
  if (built.error !== undefined) {
    throw new Error(
      'The benchmarks need a C compiler, `cc`, for the program that makes the load, and Linux.',
    );
  }
  if (built.status !== 0) throw new Error(built.stderr);
  return PROGRAM;
}

export type LoadOptions = Readonly<Record<string, string | number | undefined>>;

/**
 * Runs the load client to its end and gives what it printed, by phase.
 *
 * @param onPhase - called as each phase ends; a `hold` phase goes on when its promise resolves.
 * @throws Error with the client's words when a frame or an answer was wrong.
 */
export async function runLoad(
  options: LoadOptions,
  phases: readonly string[],
  onPhase: (phase: Phase) => Promise<void> = () => Promise.resolve(),
): Promise<Map<string, Phase>> {
  const words = Object.entries(options)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${value}`);
  const [program, args] = pinned(LOAD_CORE, buildLoad(), [
    ...words,
    ...phases.map((each) => `phase=${each}`),
  ]);
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  const done = new Map<string, Phase>();
  let trouble = '';
  child.stderr.on('data', (chunk: Buffer) => (trouble += chunk.toString()));
  const closed = new Promise<number | null>((resolve) => child.once('close', resolve));
  for await (const line of createInterface({ input: child.stdout })) {
    const phase = JSON.parse(line) as Phase;
    done.set(phase.phase, phase);
    await onPhase(phase);
    if (phases.includes(`hold:${phase.phase}`)) child.stdin.write('\n');
  }
  const code = await closed;
  if (code !== 0) throw new Error(`the load client says: ${trouble}`);
  return done;
}
