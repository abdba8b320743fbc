import { useTexts } from '../ui/language.js';

/** What the list is scrolled to when a room opens with unread messages. */
export const UNREAD_ANCHOR = 'unread';

/** Stands before the first message that was unread when the room was opened. */
export function UnreadSeparator() {
  const texts = useTexts();
  return <hr className="unread-begins" aria-label={texts.unreadBegin} data-anchor={UNREAD_ANCHOR} />;
}
