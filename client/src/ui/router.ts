/** What the address asks for: the room with this identifier, or none. */
export interface Route {
  readonly roomId: string | null;
}

/** Reads and changes the address below `base`, a path that ends with a slash; the list is at `base` without it. */
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
      (roomId === null ? base.slice(0, -1) : `${base}rooms/${encodeURIComponent(roomId)}`) +
      window.location.search,
    open(href: string): void {
      if (href !== window.location.pathname + window.location.search)
        window.history.pushState(null, '', href);
      update();
    },
  };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
