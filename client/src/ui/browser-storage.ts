import { createMemoryStorage, type KeyValueStorage } from '../../kit/index.js';

/**
 * `localStorage` under names that begin with `prefix`: two chats below different paths of one address do not mix.
 * Where it is full or forbidden, values last as long as the page.
 */
export function createBrowserStorage(prefix: string): KeyValueStorage {
  const memory = createMemoryStorage();
  const attempt = <T>(run: () => T, otherwise: () => T): T => {
    try {
      return run();
    } catch {
      return otherwise();
    }
  };
  return {
    get: (key) =>
      memory.get(key) ??
      attempt(
        () => localStorage.getItem(prefix + key),
        () => null,
      ),
    set: (key, value) =>
      attempt(
        () => {
          localStorage.setItem(prefix + key, value);
          memory.remove(key);
        },
        () => memory.set(key, value),
      ),
    remove: (key) => {
      memory.remove(key);
      attempt(
        () => localStorage.removeItem(prefix + key),
        () => {},
      );
    },
  };
}
