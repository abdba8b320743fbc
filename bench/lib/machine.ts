import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { availableParallelism } from 'node:os';

const hasTaskset = spawnSync('taskset', ['--version']).status === 0;
const cores = availableParallelism();
const pins = hasTaskset && cores > 1;

/** Where servers and the load run: each has a core of its own where there are two. */
export const SERVER_CORE = 0;
export const LOAD_CORE = 1;

/** The command, kept to one core where that is possible. */
export function pinned(core: number, command: string, args: readonly string[]): [string, string[]] {
  return pins ? ['taskset', ['-c', String(core), command, ...args]] : [command, [...args]];
}

export const machine = { cores, node: process.version, pinned: pins };

/** Keeps this process, and what it starts from now on, away from the server's core. */
export function leaveServerCore(): void {
  if (pins) spawnSync('taskset', ['-acp', String(LOAD_CORE), String(process.pid)]);
}

const MEMORY_FOLDER = '/dev/shm';

/**
 * From now on all stores lie in memory, where the system has such a folder: for benchmarks that are not about the
 * disk. A server of MongoDB's protocol that syncs each document of a batch keeps everybody waiting for seconds.
 */
export function leaveDisk(): void {
  try {
    accessSync(MEMORY_FOLDER, constants.W_OK);
    process.env['TMPDIR'] = MEMORY_FOLDER;
  } catch {
    console.log(`There is no ${MEMORY_FOLDER} here, so the stores lie on the disk.`);
  }
}
