import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { tsImport } from 'tsx/esm/api';
import type { CreateLog } from './model/instance.js';

/** One change of one file of `src/log`. */
export interface Patch {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

const SOURCE = fileURLToPath(new URL('../../src/', import.meta.url));
const PARTS = ['log', 'lib/clock.ts', 'lib/coded-error.ts'];

/**
 * Loads the logs with changes in their source.
 *
 * @throws Error when a file does not hold the text that is to be changed, exactly once.
 */
export async function loadPatched(patches: readonly Patch[]): Promise<CreateLog> {
  const folder = await mkdtemp(join(tmpdir(), 'madang-patched-'));
  try {
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
    for (const part of PARTS) await cp(join(SOURCE, part), join(folder, part), { recursive: true });
    for (const { file, from, to } of patches) {
      const path = join(folder, 'log', file);
      const parts = (await readFile(path, 'utf8')).split(from);
      if (parts.length !== 2)
        throw new Error(`${file} holds this ${parts.length - 1} times, not once: ${from}`);
      await writeFile(path, parts.join(to));
    }
    const loaded: { createLog: CreateLog } = await tsImport(
      pathToFileURL(join(folder, 'log', 'create-log.ts')).href,
      import.meta.url,
    );
    return loaded.createLog;
  } finally {
    await rm(folder, { recursive: true });
  }
}
