import { existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { systemCode } from './system-code.js';

/** Only the owner may look into a folder that this makes: it holds what people wrote, and a signing key. */
const FOLDER_MODE = 0o700;

/** Makes the folder with what is above it, if it is not there; one that is there stays as it is. */
export function makeDataFolder(folder: string): void {
  if (existsSync(folder)) return;
  // One by one: `recursive` of Node 20 tries for ever below a folder in which none can be made, such as `/proc`.
  makeDataFolder(dirname(folder));
  try {
    mkdirSync(folder, { mode: FOLDER_MODE });
  } catch (error) {
    // Another start made it meanwhile.
    if (systemCode(error) !== 'EEXIST') throw error;
  }
}
