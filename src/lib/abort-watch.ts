/** Callbacks for when a signal aborts. */
export interface AbortWatch {
  /** Calls `callback` when `signal` aborts, which it has not done yet. A callback must not throw. */
  add(signal: AbortSignal, callback: () => void): void;
  remove(signal: AbortSignal, callback: () => void): void;
}

/**
 * Listens to each signal once, however many share it: the listeners of a signal are a list that is walked at each
 * change, and a change costs more than all else that a small operation does with its deadline.
 */
export function createAbortWatch(): AbortWatch {
  const watched = new WeakMap<AbortSignal, Set<() => void>>();

  function watch(signal: AbortSignal): Set<() => void> {
    const callbacks = new Set<() => void>();
    watched.set(signal, callbacks);
    const callAll = (): void => {
      for (const callback of callbacks) callback();
    };
    signal.addEventListener('abort', callAll, { once: true });
    return callbacks;
  }

  return {
    add: (signal, callback) => void (watched.get(signal) ?? watch(signal)).add(callback),
    remove: (signal, callback) => void watched.get(signal)?.delete(callback),
  };
}
