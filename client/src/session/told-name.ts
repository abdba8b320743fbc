import type { KeyValueStorage } from '../../kit/index.js';

const STORAGE_KEY = 'name';

/**
 * What one page of a visitor tells the others of a new name.
 *
 * @param onTold called when another page has told one
 */
export function createToldName(storage: KeyValueStorage, onTold: () => void) {
  let known = storage.get(STORAGE_KEY);
  return {
    tell(name: string): void {
      known = name;
      storage.set(STORAGE_KEY, name);
    },
    /** Takes in what another page of this visitor has told. */
    reload(): void {
      const told = storage.get(STORAGE_KEY);
      if (told === known) return;
      known = told;
      onTold();
    },
  };
}
