import { useCallback, useState, type FocusEvent } from 'react';
import { anchorOf, type Item, type Viewer } from './listed.js';

/** At the lower end so many of the newest are on the page, in view or not: for a search in it, and for readers' aids. */
const NEWEST_ON_PAGE = 120;

/**
 * The lines, by index, that stay on the page when they are out of view: the newest while they are followed, and the one
 * that has the keyboard's focus. What is returned with them belongs on the list's element.
 */
export function useKeptLines(items: readonly Item[], viewer: Viewer | null, atEnd: boolean) {
  const [focused, setFocused] = useState<string | null>(null);
  const onFocus = useCallback(({ target }: FocusEvent<HTMLElement>) => {
    setFocused(target.closest<HTMLElement>('[data-anchor]')?.dataset['anchor'] ?? null);
  }, []);
  const onBlur = useCallback(() => setFocused(null), []);
  const newest = atEnd ? Math.max(items.length - NEWEST_ON_PAGE, 0) : items.length;
  const keptLines = Array.from({ length: items.length - newest }, (_, index) => newest + index);
  const index = focused === null ? -1 : items.findIndex((item) => anchorOf(item, viewer) === focused);
  return { keptLines: index < 0 ? keptLines : [index, ...keptLines], onFocus, onBlur };
}
