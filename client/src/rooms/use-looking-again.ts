import { useCallback, useEffect, useLayoutEffect, useRef, type RefObject } from 'react';
import { usePageVisible } from '../ui/use-page-visible.js';

/** What is in view is looked at again this often, in milliseconds, and this long after it came into view. */
const AGAIN_MS = 5000;
const AFTER_SCROLL_MS = 300;

/**
 * Tells now and then which items of a list are in view, while the page is seen.
 *
 * @param keys the items' keys, in the order of the list's elements
 * @returns to be called when the list was scrolled
 */
export function useLookingAgain(
  list: RefObject<HTMLElement | null>,
  keys: readonly string[],
  look: (inView: readonly string[]) => void,
): () => void {
  const visible = usePageVisible();
  const timer = useRef<number>(undefined);
  const latest = useRef({ keys, look });
  useLayoutEffect(() => {
    latest.current = { keys, look };
  });

  const lookNow = useCallback(() => {
    if (list.current !== null) latest.current.look(inView(list.current, latest.current.keys));
  }, [list]);

  useEffect(() => {
    if (!visible) return undefined;
    const interval = window.setInterval(lookNow, AGAIN_MS);
    return () => {
      window.clearInterval(interval);
      window.clearTimeout(timer.current);
    };
  }, [visible, lookNow]);

  return useCallback(() => {
    window.clearTimeout(timer.current);
    timer.current = window.setTimeout(lookNow, AFTER_SCROLL_MS);
  }, [lookNow]);
}

function inView(list: HTMLElement, keys: readonly string[]): readonly string[] {
  const { top, bottom } = list.getBoundingClientRect();
  return keys.filter((_, index) => {
    const item = list.children[index]?.getBoundingClientRect();
    return item !== undefined && item.bottom > top && item.top < bottom;
  });
}
