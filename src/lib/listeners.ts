/** Listeners of which one that throws stops no other one. */
export interface Listeners {
  /** One that is added twice is told twice. Returns how to take it away again. */
  readonly add: (listener: () => void) => () => void;
  readonly tell: () => void;
  readonly clear: () => void;
}

/** @param failed - is given what a listener threw. */
export function createListeners(failed: (error: unknown) => void): Listeners {
  const listeners = new Set<() => void>();
  return {
    add(listener) {
      const own = (): void => listener();
      listeners.add(own);
      return () => void listeners.delete(own);
    },
    tell() {
      for (const listener of listeners) {
        try {
          listener();
        } catch (error) {
          failed(error);
        }
      }
    },
    clear: () => listeners.clear(),
  };
}
