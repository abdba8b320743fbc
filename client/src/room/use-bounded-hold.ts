import { useEffect } from 'react';
import type { FollowedRoom, RoomMessage } from '../../kit/index.js';
import type { Scroll } from './use-scroll.js';

/**
 * While the newest are read, so many older ones are held at least, and at most twice as many; while older ones are, about
 * as many on either side of the view.
 */
const HELD_MESSAGES = 500;

/** Lets go of messages far from those in view, so that neither a busy room nor reading in it, up or down, fills the memory. */
export function useBoundedHold(
  room: FollowedRoom,
  {
    messages,
    opened,
    atEnd,
    isAtEnd,
    lineInView,
  }: Pick<Scroll, 'atEnd' | 'isAtEnd' | 'lineInView'> & { messages: readonly RoomMessage[]; opened: boolean },
): void {
  useEffect(() => {
    // Until it is known where the room opens, that may be any of them.
    if (!opened || messages.length <= 2 * HELD_MESSAGES) return;
    if (atEnd && isAtEnd()) return room.keepNewest(HELD_MESSAGES);
    const line = lineInView();
    if (line === null) return;
    if (messages.length - line > 2 * HELD_MESSAGES) room.keepOldest(line + HELD_MESSAGES);
    else if (line > 2 * HELD_MESSAGES) room.keepNewest(messages.length - line + HELD_MESSAGES);
  }, [room, messages, opened, atEnd, isAtEnd, lineInView]);
}
