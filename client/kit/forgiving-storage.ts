import { createMemoryStorage, type KeyValueStorage } from './environment.js';

/** The storage, but that it never throws: what it does not take, full or forbidden, lasts as long as the page. */
export function forgivingStorage(storage: KeyValueStorage): KeyValueStorage {
  const memory = createMemoryStorage();
  return {
    get(key) {
      const untaken = memory.get(key);
      if (untaken !== null) return untaken;
      try {
        return storage.get(key);
      } catch {
        return null;
      }
    },
    set(key, value) {
      try {
        storage.set(key, value);
        memory.remove(key);
      } catch {
        memory.set(key, value);
      }
    },
    remove(key) {
      memory.remove(key);
      try {
        storage.remove(key);
      } catch {
        // Forbidden: then it holds nothing.
      }
    },
  };
}
