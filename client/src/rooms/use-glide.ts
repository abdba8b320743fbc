import { useCallback, useLayoutEffect, useRef, type RefObject } from 'react';

const GLIDE_MS = 220;
const CALM = '(prefers-reduced-motion: reduce)';

/**
 * Lets the items of a list glide to their new places when their order changes, unless the reader asked for calm.
 *
 * @param order the items' keys, in the order of the list's elements
 * @returns ends the movement at once, for a hand that comes
 */
export function useGlide(list: RefObject<HTMLElement | null>, order: readonly string[]): () => void {
  const places = useRef<ReadonlyMap<string, number>>(new Map());
  // The keys themselves decide, not the array that holds them.
  const joined = order.join('\n');

  useLayoutEffect(() => {
    const element = list.current;
    if (element === null) return;
    const keys = joined.split('\n');
    const items = Array.from(element.children).filter((item) => item instanceof HTMLElement);
    const tops = items.map((item) => item.offsetTop);
    const before = places.current;
    places.current = new Map(tops.map((top, index) => [keys[index] ?? '', top]));
    if (window.matchMedia(CALM).matches) return;
    const { clientHeight, scrollTop, offsetTop } = element;
    const inView = (top: number) => Math.abs(top - offsetTop - scrollTop - clientHeight / 2) < clientHeight;
    for (const [index, item] of items.entries()) {
      const top = tops[index] ?? 0;
      const from = before.get(keys[index] ?? '') ?? top;
      if (from === top || !(inView(top) || inView(from))) continue;
      const distance = from - top;
      const start = { transform: `translateY(${distance}px)` };
      item.animate([start, { transform: 'none' }], { duration: GLIDE_MS, easing: 'ease-out' });
    }
  }, [list, joined]);

  return useCallback(() => {
    for (const item of list.current?.children ?? []) for (const move of item.getAnimations()) move.finish();
  }, [list]);
}
