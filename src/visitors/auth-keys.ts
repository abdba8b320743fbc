import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type AuthKey, type Config, ConfigError, MIN_KEY_BYTES, parseAuthKeys } from '../config.js';
import { makeDataFolder } from '../lib/data-folder.js';
import { StartError } from '../lib/start-error.js';
import { systemCode } from '../lib/system-code.js';

/** Where the embedded mode keeps the key that it made. */
const KEY_FILE = 'auth.key';

/** The keys that sign and verify tokens; they may change while the server runs. */
export interface AuthKeys {
  /** The first signs, all verify. */
  readonly current: () => readonly AuthKey[];
  /**
   * Reads `AUTH_KEYS_FILE` again. The old keys stay when it cannot be used.
   *
   * @returns false when the keys come from elsewhere: those stay until the next start.
   * @throws ConfigError or StartError that names the file's setting and shows no key.
   */
  readonly reload: () => boolean;
}

/** A fresh key as `AUTH_KEYS` takes it. */
export function makeAuthKey(): string {
  return `${randomBytes(4).toString('hex')}:${randomBytes(MIN_KEY_BYTES).toString('base64url')}`;
}

function readKeysFile(file: string): readonly AuthKey[] {
  try {
    return parseAuthKeys('AUTH_KEYS_FILE', readFileSync(file, 'utf8'));
  } catch (error) {
    if (error instanceof Error && 'code' in error) {
      throw new StartError(`AUTH_KEYS_FILE ${file} cannot be read: ${String(error.code)}`);
    }
    throw error;
  }
}

/** Writes a fresh key to a new file that its owner alone may read. A disk that is full leaves none behind. */
function makeKeyFile(file: string): void {
  // `wx` fails when the file is there, so that two starts cannot overwrite each other's key.
  const made = openSync(file, 'wx', 0o600);
  try {
    writeFileSync(made, `${makeAuthKey()}\n`);
    fsyncSync(made);
  } catch (error) {
    rmSync(file, { force: true });
    throw error;
  } finally {
    closeSync(made);
  }
}

/** The embedded mode's own key: made once. */
function embeddedKeys(dataDir: string): readonly AuthKey[] {
  const file = join(dataDir, KEY_FILE);
  try {
    makeDataFolder(dataDir);
    makeKeyFile(file);
  } catch (error) {
    const code = systemCode(error);
    if (code !== 'EEXIST') throw new StartError(`DATA_DIR ${dataDir} is not writable: ${code}`);
  }
  try {
    return parseAuthKeys(file, readFileSync(file, 'utf8'));
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    // What is there may be a file where the folder should be, or somebody else's.
    throw new StartError(`DATA_DIR ${dataDir}: ${KEY_FILE} cannot be read: ${systemCode(error)}`);
  }
}

/** @throws ConfigError or StartError when there is no usable key. */
export function createAuthKeys({ auth, dataDir }: Pick<Config, 'auth' | 'dataDir'>): AuthKeys {
  const { keys, keysFile } = auth;
  let current = keys ?? (keysFile === null ? embeddedKeys(dataDir) : readKeysFile(keysFile));
  return {
    current: () => current,
    reload() {
      if (keysFile === null) return false;
      current = readKeysFile(keysFile);
      return true;
    },
  };
}
