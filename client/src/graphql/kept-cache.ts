import type { StorageAdapter } from '@urql/exchange-graphcache';
import { isObject, type KeyValueStorage } from '../../kit/index.js';

const STORAGE_KEY = 'cache';
/** More parts than this are not kept: it would be too much to write down while a page goes. */
const PARTS_KEPT = 8000;

/** What the cache holds, part by part, so that the next start shows it until there is something newer. */
export function createKeptCache(storage: KeyValueStorage) {
  const held = new Map(read(storage));
  let changed = false;
  const adapter: StorageAdapter = {
    readData: () => Promise.resolve(Object.fromEntries(held)),
    writeData(parts) {
      changed = true;
      for (const [key, part] of Object.entries(parts)) {
        if (part === undefined) held.delete(key);
        else held.set(key, part);
      }
      return Promise.resolve();
    },
  };
  return {
    adapter,
    /** Writes it down; for a page that goes. */
    flush(): void {
      if (!changed) return;
      changed = false;
      if (held.size > PARTS_KEPT) storage.remove(STORAGE_KEY);
      else storage.set(STORAGE_KEY, JSON.stringify(Object.fromEntries(held)));
    },
  };
}

function read(storage: KeyValueStorage): [string, string][] {
  try {
    const parts: unknown = JSON.parse(storage.get(STORAGE_KEY) ?? '{}');
    if (!isObject(parts)) return [];
    return Object.entries(parts).flatMap(([key, part]) =>
      typeof part === 'string' ? [[key, part] as [string, string]] : [],
    );
  } catch {
    return [];
  }
}
