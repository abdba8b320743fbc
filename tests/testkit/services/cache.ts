import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

const LOCK_POLL_MS = 200;
/** Longest that somebody else may take to fetch something before we give up. */
const LOCK_WAIT_MS = 10 * 60_000;

/** Where fetched programs are kept: outside the checkout, so that every clone on this machine shares them. */
const cacheFolder = (): string =>
  join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'madang-tests');

/**
 * The folder `name` of the cache, filled by `fill` if it is not there yet. Safe when several runs ask at once:
 * one fills, the others wait. A folder that was left half-filled is thrown away first.
 */
export async function cached(name: string, fill: (folder: string) => Promise<void>): Promise<string> {
  const folder = join(cacheFolder(), name);
  const complete = `${folder}.complete`;
  if (await exists(complete)) return folder;
  await withLock(name, async () => {
    if (await exists(complete)) return;
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    await fill(folder);
    await writeFile(complete, new Date().toISOString());
  });
  return folder;
}

/** Runs `work` while no other process on this machine holds the lock `name`. A dead holder's lock is taken over. */
export async function withLock<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
  await mkdir(cacheFolder(), { recursive: true });
  const lock = join(cacheFolder(), `${name}.lock`);
  const deadline = Date.now() + LOCK_WAIT_MS;
  while (!(await take(lock))) {
    if (Date.now() > deadline)
      throw new Error(`${lock} has been held for 10 minutes; remove it if nobody runs`);
    await wait(LOCK_POLL_MS);
  }
  try {
    return await work();
  } finally {
    await rm(lock, { force: true });
  }
}

async function take(lock: string): Promise<boolean> {
  try {
    await writeFile(lock, String(process.pid), { flag: 'wx' });
    return true;
  } catch {
    const holder = Number(await readFile(lock, 'utf8').catch(() => '0'));
    // A holder writes its id right after it made the file, so an empty one is given a moment.
    const age = Date.now() - ((await stat(lock).catch(() => null))?.mtimeMs ?? Date.now());
    if (holder > 0 ? !isAlive(holder) : age > 2_000) await rm(lock, { force: true });
    return false;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** The first file called `name` below `folder`, outside `bin` folders (those hold wrappers), or null. */
export async function findFile(folder: string, name: string): Promise<string | null> {
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isFile() && entry.name === name && !entry.parentPath.endsWith('/bin')) {
      return join(entry.parentPath, entry.name);
    }
  }
  return null;
}
