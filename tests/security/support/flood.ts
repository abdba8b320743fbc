import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('flood.js', import.meta.url));

export interface FloodOptions {
  readonly port: number;
  /** Of each request. */
  readonly body: string;
  /** Of each request, beside the usual ones. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Callers who ask again as soon as they are answered; 0: requests come whether others are answered or not. */
  readonly connections: number;
  readonly requestsPerSecond: number;
  readonly connectsPerSecond: number;
  readonly ms: number;
}

export interface FloodAnswer {
  /** 0: the connection ended without an answer. */
  readonly status: number;
  /** In seconds; 0 when it was not told. */
  readonly retryAfter: number;
  /** Since the flood began, in milliseconds. */
  readonly at: number;
}

export interface Flood {
  readonly asked: number;
  /** Those who were not answered when it ended are in none of these. */
  readonly answers: readonly (FloodAnswer & { readonly took: number })[];
  readonly upgrades: readonly FloodAnswer[];
}

/** Asks a server for more than it can, from a process of its own. */
export function flood(options: FloodOptions): Promise<Flood> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [PROGRAM, JSON.stringify(options)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.once('close', (code) => {
      if (code === 0) resolve(JSON.parse(output) as Flood);
      else reject(new Error(`The flood ended with ${code}.`));
    });
  });
}
