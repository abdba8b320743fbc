/** A value that can be watched. Values are replaced, never changed in place. */
export interface Readable<T> {
  /** The present value; the same object until it changes. */
  readonly get: () => T;
  /** Calls `listener` after each change, until the returned function is called. */
  readonly watch: (listener: () => void) => () => void;
}

export interface Store<T> extends Readable<T> {
  /** Replaces the value and tells the listeners; does nothing when it is the same value. */
  readonly set: (value: T) => void;
}

/** Holds one value for whoever shows it; made to fit `useSyncExternalStore(store.watch, store.get)`. */
export function createStore<T>(initial: T): Store<T> {
  let value = initial;
  const listeners = new Set<() => void>();
  return {
    get: () => value,
    set(next) {
      if (Object.is(next, value)) return;
      value = next;
      for (const listener of Array.from(listeners)) listener();
    },
    watch(listener) {
      // A wrapper of its own, so that the same listener may watch twice and leave once.
      const entry = () => listener();
      listeners.add(entry);
      return () => void listeners.delete(entry);
    },
  };
}
