import { execFile } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** What a finished command left. `code` is null when it could not be started or was killed. */
export interface Finished {
  readonly code: number | null;
  readonly output: string;
}

/** Runs a program to its end, without a shell. Never throws: a program that is missing gives code null. */
export function run(
  command: string,
  args: readonly string[],
  options: { readonly timeoutMs?: number } = {},
): Promise<Finished> {
  return new Promise((resolve) => {
    execFile(
      command,
      [...args],
      { timeout: options.timeoutMs ?? 0, maxBuffer: 16 * 1024 * 1024 },
      (error, stdout, stderr) => {
        const output = `${stdout}${stderr}`.trim();
        if (error === null) resolve({ code: 0, output });
        else resolve({ code: typeof error.code === 'number' ? error.code : null, output });
      },
    );
  });
}

/** Full path of the first of these programs that is on PATH, or null. */
export function onPath(...names: readonly string[]): string | null {
  for (const name of names) {
    for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
      if (folder !== '' && isProgram(join(folder, name))) return join(folder, name);
    }
  }
  return null;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
