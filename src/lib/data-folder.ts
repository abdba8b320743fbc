import { mkdirSync } from 'node:fs';

/** Only the owner may look into a folder that this makes: it holds what people wrote, and a signing key. */
const FOLDER_MODE = 0o700;

/** Makes the folder with what is above it, if it is not there; one that is there stays as it is. */
export const makeDataFolder = (folder: string): void =>
  void mkdirSync(folder, { recursive: true, mode: FOLDER_MODE });
