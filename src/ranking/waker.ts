import type { Clock } from '../lib/clock.js';

/** Calls its listeners at the earliest of the times that were asked for. */
export interface Waker {
  /** A time on the monotonic clock, in milliseconds. */
  wakeAt(at: number): void;
  /** Returns a function that ends it. */
  onWake(listener: () => void): () => void;
  close(): void;
}

export function createWaker(clock: Pick<Clock, 'monotonic' | 'after'>): Waker {
  const listeners = new Set<() => void>();
  let next: { readonly at: number; readonly cancel: () => void } | undefined;

  function wake(): void {
    next = undefined;
    for (const listener of listeners) listener();
  }

  return {
    wakeAt(at) {
      if (next !== undefined && next.at <= at) return;
      next?.cancel();
      next = { at, cancel: clock.after(Math.max(at - clock.monotonic(), 0), wake) };
    },
    onWake(listener) {
      const own = (): void => listener();
      listeners.add(own);
      return () => {
        listeners.delete(own);
      };
    },
    close() {
      next?.cancel();
      next = undefined;
    },
  };
}
