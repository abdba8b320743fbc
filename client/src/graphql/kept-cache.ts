import type { StorageAdapter } from '@urql/exchange-graphcache';
import { isObject, type KeyValueStorage } from '../../kit/index.js';

const STORAGE_KEY = 'cache';
/** From this many parts on, what nothing links to is let go: the cache does not tell when it forgets something. */
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
      if (held.size > PARTS_KEPT) letGo(held);
      return Promise.resolve();
    },
  };
  return {
    adapter,
    /** Writes it down; for a page that goes. */
    flush(): void {
      if (!changed) return;
      changed = false;
      storage.set(STORAGE_KEY, JSON.stringify(Object.fromEntries(held)));
    },
    /** Keeps nothing of it, for a page that what was kept has broken. */
    forget(): void {
      held.clear();
      changed = false;
      storage.remove(STORAGE_KEY);
    },
  };
}

/** Keeps what something links to, and the root; when even that is too much, nothing. */
function letGo(held: Map<string, string>): void {
  const linked = new Set<unknown>(['Query']);
  for (const part of held.values()) {
    if (part.startsWith(':'))
      for (const key of [JSON.parse(part.slice(1)) as unknown].flat(9)) linked.add(key);
  }
  for (const key of held.keys()) {
    if (!linked.has(key.slice(0, key.indexOf('.')).replaceAll('%2e', '.'))) held.delete(key);
  }
  if (held.size > PARTS_KEPT / 2) held.clear();
}

function read(storage: KeyValueStorage): [string, string][] {
  try {
    const parts: unknown = JSON.parse(storage.get(STORAGE_KEY) ?? '{}');
    if (!isObject(parts)) return [];
    return Object.entries(parts).flatMap(([key, part]) =>
      typeof part === 'string' && isPart(part) ? [[key, part] as [string, string]] : [],
    );
  } catch {
    return [];
  }
}

/** A value in JSON, or a colon and the keys it links to. */
function isPart(part: string): boolean {
  try {
    JSON.parse(part.replace(/^:/, ''));
    return true;
  } catch {
    return false;
  }
}
