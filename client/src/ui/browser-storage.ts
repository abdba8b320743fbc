import { forgivingStorage, type KeyValueStorage } from '../../kit/index.js';

/**
 * `localStorage` under names that begin with `prefix`: two chats below different paths of one address do not mix.
 * Where it is full or forbidden, values last as long as the page.
 */
export const createBrowserStorage = (prefix: string): KeyValueStorage =>
  forgivingStorage({
    get: (key) => localStorage.getItem(prefix + key),
    set: (key, value) => localStorage.setItem(prefix + key, value),
    remove: (key) => localStorage.removeItem(prefix + key),
  });
