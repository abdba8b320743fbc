import { useCallback, useLayoutEffect, useRef, useState, type RefObject } from 'react';
import type { VirtualizerHandle } from 'virtua';
import type { FollowedRoom } from '../../kit/index.js';
import { useSelected } from '../ui/use-readable.js';
import { UNREAD_ANCHOR } from './UnreadSeparator.js';
import type { Opening } from './use-opening.js';

/** This close to the lower end, in CSS pixels, counts as being there. */
const AT_END_PX = 24;
/** This close to an edge of what is held, in CSS pixels, more is wanted. */
const NEAR_EDGE_PX = 1200;
/** So far below the upper edge, in CSS pixels, comes what is brought to the top. */
const ANCHOR_TOP_PX = 64;
/** So often the place to open at is gone to before it is on the page: each time the lines around it were estimated. */
const TRIES_TO_ARRIVE = 20;

export interface Scroll {
  readonly log: RefObject<HTMLDivElement | null>;
  readonly lines: RefObject<VirtualizerHandle | null>;
  /** Whether the newest message is in view, and is to stay there. */
  readonly atEnd: boolean;
  /** The same at this moment, before it is rendered. */
  readonly isAtEnd: () => boolean;
  /** The first line in view, by index; null while it is not known. */
  readonly lineInView: () => number | null;
  readonly onScroll: () => void;
  /** To be called after lines were measured, or the view changed its size: puts everything where it belongs. */
  readonly onResize: () => void;
  readonly toEnd: () => void;
}

/**
 * Keeps the newest message in view while the reader is at the lower end; else keeps what is read where it is, by the
 * message at the top of the view, whatever comes in or leaves above it.
 *
 * @param wantOlder called near the upper edge; near the lower one the room reads newer ones itself
 * @param opening each time it is another: its first unread message is brought to the top of the view once, as far as
 *   the end allows; the newest where it has none
 * @param onPlaced called after each render, when everything is where it belongs
 */
export function useScroll(
  room: FollowedRoom,
  wantOlder: () => void,
  opening: Opening | null,
  onPlaced: () => void,
): Scroll {
  const hasNewer = useSelected(room.state, (state) => state.hasNewer);
  const log = useRef<HTMLDivElement>(null);
  const lines = useRef<VirtualizerHandle>(null);
  const [atEnd, setAtEnd] = useState(true);
  const following = useRef(true);
  /** The line that is brought to the top, until it is there. */
  const arriving = useRef<{ index: number; tries: number } | null>(null);
  /** Where lines were, from the first one in view on: on the way down those above the view leave the page at once. */
  const anchors = useRef<readonly { id: string; top: number }[]>([]);

  const follow = useCallback(
    (element: HTMLElement) => {
      following.current = distanceToEnd(element) <= AT_END_PX && !room.state.get().hasNewer;
      setAtEnd(following.current);
    },
    [room],
  );

  const settle = useCallback(() => {
    const element = log.current;
    if (element === null) return;
    if (following.current) {
      element.scrollTop = element.scrollHeight;
      return;
    }
    const held = anchors.current.find(({ id }) => find(element, id) !== null);
    const place = held === undefined ? null : find(element, held.id);
    if (held !== undefined && place !== null) {
      const moved = place.getBoundingClientRect().top - held.top;
      // Less than a pixel is what the browser rounds: putting that right would only end a movement of the reader's.
      if (Math.abs(moved) >= 1) element.scrollTop += moved;
      // Lines are not seen before they are measured. Where everything below it fits, no scroll event tells that this
      // is the end.
      if (arriving.current !== null && getComputedStyle(place).visibility === 'visible') {
        arriving.current = null;
        follow(element);
      }
    } else if (arriving.current !== null && lines.current !== null) {
      const { index, tries } = arriving.current;
      arriving.current = tries === 0 ? null : { index, tries: tries - 1 };
      element.scrollTop = lines.current.getItemOffset(index) - ANCHOR_TOP_PX;
    }
  }, [follow]);

  /** Also without a scroll: who waits at an edge does not move it. Older ones would move what is still looked for. */
  const lookAtEdge = useCallback(() => {
    if (log.current === null || arriving.current !== null) return;
    if (log.current.scrollTop < NEAR_EDGE_PX) wantOlder();
    if (distanceToEnd(log.current) < NEAR_EDGE_PX) room.loadNewer();
  }, [room, wantOlder]);

  useLayoutEffect(() => {
    const element = log.current;
    const unread = opening?.firstUnread ?? null;
    following.current = unread === null;
    setAtEnd(following.current);
    anchors.current = [];
    arriving.current = null;
    if (opening === null || unread === null || element === null) return;
    arriving.current = { index: opening.index, tries: TRIES_TO_ARRIVE };
    anchors.current = [{ id: UNREAD_ANCHOR, top: element.getBoundingClientRect().top + ANCHOR_TOP_PX }];
  }, [opening]);

  // Who waits at the lower edge is at the end without a scroll, once nothing newer is left.
  useLayoutEffect(() => {
    const element = log.current;
    if (element === null || arriving.current !== null || hasNewer) return;
    if (distanceToEnd(element) <= AT_END_PX) follow(element);
  }, [follow, hasNewer]);

  // After every render: whatever came or went, what is read is where it was before anybody sees it.
  useLayoutEffect(() => {
    settle();
    lookAtEdge();
    onPlaced();
  });

  const onScroll = useCallback(() => {
    const element = log.current;
    // A place that is still being looked for is not where the reader went.
    if (element === null || arriving.current !== null) return;
    follow(element);
    lookAtEdge();
    if (following.current) return;
    const view = element.getBoundingClientRect().top;
    anchors.current = [...element.querySelectorAll<HTMLElement>('[data-anchor]')].flatMap((place) => {
      const { top, bottom } = place.getBoundingClientRect();
      return bottom > view ? [{ id: place.dataset['anchor'] ?? '', top }] : [];
    });
  }, [follow, lookAtEdge]);

  const onResize = useCallback(() => {
    settle();
    // A list that has moved does not know yet where it is: what came above it before the browser tells of the scroll
    // would take the place of the lines in view.
    tellScroll(log.current);
  }, [settle]);

  const toEnd = useCallback(() => {
    arriving.current = null;
    following.current = true;
    setAtEnd(true);
    settle();
    // The lines there come onto the page now, and not only when the browser tells of the scroll.
    tellScroll(log.current);
  }, [settle]);

  const isAtEnd = useCallback(() => following.current, []);
  const lineInView = useCallback(
    () =>
      arriving.current === null && lines.current !== null
        ? lines.current.findItemIndex(lines.current.scrollOffset)
        : null,
    [],
  );

  return { log, lines, atEnd, isAtEnd, lineInView, onScroll, onResize, toEnd };
}

const tellScroll = (element: HTMLElement | null): void => void element?.dispatchEvent(new Event('scroll'));

const find = (element: HTMLElement, anchor: string): HTMLElement | null =>
  element.querySelector<HTMLElement>(`[data-anchor="${CSS.escape(anchor)}"]`);

function distanceToEnd(element: HTMLElement): number {
  return element.scrollHeight - element.scrollTop - element.clientHeight;
}
