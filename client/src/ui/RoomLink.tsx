import { useCallback, type ComponentProps, type MouseEvent } from 'react';
import { useChat } from '../session/chat-context.js';

/** A link to a room, or to the list of rooms, that does not load the page again. */
export function RoomLink({
  roomId,
  onClick,
  children,
  ...rest
}: ComponentProps<'a'> & { roomId: string | null }) {
  const { router } = useChat();
  const href = router.href(roomId);
  const follow = useCallback(
    (event: MouseEvent<HTMLAnchorElement>) => {
      onClick?.(event);
      if (event.defaultPrevented || event.button !== 0) return;
      if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
      event.preventDefault();
      router.open(href);
    },
    [router, href, onClick],
  );
  return (
    <a {...rest} href={href} onClick={follow}>
      {children}
    </a>
  );
}
