import { useEffect, useRef } from 'react';
import { useChat } from '../session/chat-context.js';
import { useRoute } from './use-route.js';

/** Where either the list or the room is shown, as in `layout.css`. */
const NARROW = '(max-width: 45rem)';

/**
 * On a narrow screen what had the focus is gone with the page that was left. It goes on where the reader does: at the
 * heading of the room that has opened, unless its composer has it, or in the list at the room that was left.
 */
export function useRouteFocus(): void {
  const { router } = useChat();
  const { roomId } = useRoute();
  const before = useRef(roomId);
  useEffect(() => {
    const left = before.current;
    before.current = roomId;
    if (left === roomId || !window.matchMedia(NARROW).matches || hasFocus()) return;
    const place = roomId === null ? `.rooms-list a[href="${CSS.escape(router.href(left))}"]` : 'main h1';
    document.querySelector<HTMLElement>(place)?.focus();
  }, [router, roomId]);
}

/** What is not shown any more keeps the focus until the page is painted. */
function hasFocus(): boolean {
  const { activeElement, body } = document;
  return activeElement !== null && activeElement !== body && activeElement.getClientRects().length > 0;
}
