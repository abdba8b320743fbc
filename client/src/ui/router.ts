import { useCallback, useSyncExternalStore, type ComponentProps, type MouseEvent } from 'react';
import { useChat } from '../session/chat-context.js';

/** What the address asks for: the room with this identifier, or none. */
export interface Route {
  readonly roomId: string | null;
}

/** Reads and changes the address below `base`, a path that ends with a slash. */
export type Router = ReturnType<typeof createRouter>;

export function createRouter(window: Window, base: string) {
  const listeners = new Set<() => void>();
  const tell = () => {
    for (const listener of listeners) listener();
  };
  let route = read();

  function read(): Route {
    const { pathname } = window.location;
    const [, id] = /^rooms\/([^/]+)\/?$/.exec(pathname.slice(base.length)) ?? [];
    return { roomId: id === undefined ? null : decode(id) };
  }

  function update(): void {
    const next = read();
    if (next.roomId === route.roomId) return;
    route = next;
    tell();
  }

  return {
    get: () => route,
    watch: (listener: () => void): (() => void) => {
      if (listeners.size === 0) window.addEventListener('popstate', update);
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0) window.removeEventListener('popstate', update);
      };
    },
    /** The address of a room, or of the list; keeps the language that was asked for. */
    href: (roomId: string | null) =>
      (roomId === null ? base : `${base}rooms/${encodeURIComponent(roomId)}`) + window.location.search,
    open(href: string): void {
      if (href !== window.location.pathname + window.location.search)
        window.history.pushState(null, '', href);
      update();
    },
  };
}

export function useRoute(): Route {
  const { router } = useChat();
  return useSyncExternalStore(router.watch, router.get);
}

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

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
