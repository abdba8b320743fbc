import { useCallback, useLayoutEffect, useRef, useState, type RefObject } from 'react';

/** This close to the lower end, in CSS pixels, counts as being there. */
const AT_END_PX = 24;
/** This close to an edge of what is on the page, in CSS pixels, more is wanted. */
const NEAR_EDGE_PX = 400;

/** So far below the upper edge, in CSS pixels, comes what is brought to the top. */
const ANCHOR_TOP_PX = 64;

export interface Scroll {
  readonly log: RefObject<HTMLDivElement | null>;
  /** Whether the newest message is in view, and is to stay there. */
  readonly atEnd: boolean;
  /** The same at this moment, before it is rendered. */
  readonly isAtEnd: () => boolean;
  readonly onScroll: () => void;
  readonly toEnd: () => void;
}

/**
 * Keeps the newest message in view while the reader is at the lower end; else keeps what is read where it is, by the
 * message at the top of the view, whatever comes in or leaves above it.
 *
 * @param wantOlder called near the upper edge, and told whether the lower end is in view as well
 * @param wantNewer called near the lower edge, and told whether the end is reached
 * @param openAt an anchor to bring to the top of the view once, as far as the end of the list allows
 */
export function useScroll(
  wantOlder: (atEnd: boolean) => void,
  wantNewer: (atEnd: boolean) => void,
  openAt: string | null,
): Scroll {
  const log = useRef<HTMLDivElement>(null);
  const [atEnd, setAtEnd] = useState(true);
  const following = useRef(true);
  /** What is brought to the top may not be on the page yet. */
  const arriving = useRef(false);
  const anchor = useRef<{ id: string; top: number } | null>(null);

  const settle = useCallback(() => {
    const element = log.current;
    if (element === null) return;
    if (following.current) {
      element.scrollTop = element.scrollHeight;
      return;
    }
    const held = anchor.current;
    const article = held === null ? null : element.querySelector(`[data-anchor="${CSS.escape(held.id)}"]`);
    if (held !== null && article !== null) {
      element.scrollTop += article.getBoundingClientRect().top - held.top;
      // Where everything below it fits no scroll event tells that this is the end.
      if (arriving.current) {
        arriving.current = false;
        following.current = distanceToEnd(element) <= AT_END_PX;
        setAtEnd(following.current);
      }
    }
  }, []);

  /** Also without a scroll: who waits at an edge does not move it. */
  const lookAtEdges = useCallback(() => {
    const element = log.current;
    if (element === null) return;
    if (element.scrollTop < NEAR_EDGE_PX) wantOlder(following.current);
    if (distanceToEnd(element) < NEAR_EDGE_PX) wantNewer(following.current);
  }, [wantOlder, wantNewer]);

  useLayoutEffect(() => {
    const element = log.current;
    if (openAt === null || element === null) return;
    arriving.current = true;
    following.current = false;
    setAtEnd(false);
    anchor.current = { id: openAt, top: element.getBoundingClientRect().top + ANCHOR_TOP_PX };
  }, [openAt]);

  // After every render: whatever came or went, what is read is where it was before anybody sees it.
  useLayoutEffect(() => {
    settle();
    lookAtEdges();
  });

  useLayoutEffect(() => {
    const element = log.current;
    if (element === null) return undefined;
    // The keyboard of a phone, a longer composer, a wider window: what is read stays where it is.
    const observer = new ResizeObserver(settle);
    observer.observe(element);
    return () => observer.disconnect();
  }, [settle]);

  const onScroll = useCallback(() => {
    const element = log.current;
    if (element === null) return;
    following.current = distanceToEnd(element) <= AT_END_PX;
    setAtEnd(following.current);
    const view = element.getBoundingClientRect().top;
    const top = [...element.querySelectorAll<HTMLElement>('[data-anchor]')].find(
      (article) => article.getBoundingClientRect().bottom > view,
    );
    anchor.current =
      top === undefined ? null : { id: top.dataset['anchor'] ?? '', top: top.getBoundingClientRect().top };
    lookAtEdges();
  }, [lookAtEdges]);

  const toEnd = useCallback(() => {
    arriving.current = false;
    following.current = true;
    setAtEnd(true);
    settle();
  }, [settle]);

  const isAtEnd = useCallback(() => following.current, []);

  return { log, atEnd, isAtEnd, onScroll, toEnd };
}

function distanceToEnd(element: HTMLElement): number {
  return element.scrollHeight - element.scrollTop - element.clientHeight;
}
