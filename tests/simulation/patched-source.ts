import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { tsImport } from 'tsx/esm/api';
import type { CreateGroup } from './model/following.js';
import type { CreateLog } from './model/instance.js';

/** One change of one file below `src`. */
export interface Patch {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

const SOURCE = fileURLToPath(new URL('../../src/', import.meta.url));
const MODULES = fileURLToPath(new URL('../../node_modules', import.meta.url));
const PARTS = ['log', 'lib', 'graphql'];

/** What the simulation makes of the source. */
interface Makers {
  readonly createLog: CreateLog;
  readonly createGroup: CreateGroup;
}

/**
 * Loads the logs and the groups of their subscribers with changes in their source.
 *
 * @throws Error when a file does not hold the text that is to be changed, exactly once.
 */
export async function loadPatched(patches: readonly Patch[]): Promise<Makers> {
  const folder = await mkdtemp(join(tmpdir(), 'madang-patched-'));
  try {
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
    await symlink(MODULES, join(folder, 'node_modules'));
    for (const part of PARTS) await cp(join(SOURCE, part), join(folder, part), { recursive: true });
    for (const { file, from, to } of patches) {
      const path = join(folder, file);
      const parts = (await readFile(path, 'utf8')).split(from);
      if (parts.length !== 2)
        throw new Error(`${file} holds this ${parts.length - 1} times, not once: ${from}`);
      await writeFile(path, parts.join(to));
    }
    const load = (file: string): Promise<Makers> =>
      tsImport(pathToFileURL(join(folder, file)).href, import.meta.url);
    const { createLog } = await load('log/create-log.ts');
    const { createGroup } = await load('graphql/shared/group.ts');
    return { createLog, createGroup };
  } finally {
    await rm(folder, { recursive: true });
  }
}
