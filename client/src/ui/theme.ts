import type { KeyValueStorage } from '../../kit/index.js';

/** In the order in which they are offered. */
export const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

const STORAGE_KEY = 'theme';

/** The colours that the reader chose, on `root` from the start; the system's own without a choice. */
export function createThemeChoice(storage: KeyValueStorage, root: HTMLElement) {
  function get(): Theme {
    const stored = storage.get(STORAGE_KEY);
    return THEMES.find((theme) => theme === stored) ?? 'system';
  }

  function apply(): void {
    const theme = get();
    if (theme === 'system') delete root.dataset['theme'];
    else root.dataset['theme'] = theme;
  }

  apply();
  return {
    get,
    choose(theme: Theme): void {
      storage.set(STORAGE_KEY, theme);
      apply();
    },
    /** Takes in what another page of this visitor has chosen. */
    reload: apply,
  };
}
