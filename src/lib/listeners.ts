/** Listeners of which one that throws stops no other one. */
export interface Listeners<News = void> {
  /** One that is added twice is told twice. Returns how to take it away again. */
  readonly add: (listener: (news: News) => void) => () => void;
  readonly tell: (news: News) => void;
  readonly isEmpty: () => boolean;
  readonly clear: () => void;
}

/** @param failed - is given what a listener threw. */
export function createListeners<News = void>(failed: (error: unknown) => void): Listeners<News> {
  const listeners = new Set<(news: News) => void>();
  return {
    add(listener) {
      const own = (news: News): void => listener(news);
      listeners.add(own);
      return () => void listeners.delete(own);
    },
    tell(news) {
      for (const listener of listeners) {
        try {
          listener(news);
        } catch (error) {
          failed(error);
        }
      }
    },
    isEmpty: () => listeners.size === 0,
    clear: () => listeners.clear(),
  };
}
