import type { Clock } from '../lib/clock.js';
import { createListeners } from '../lib/listeners.js';
import type { Logger } from '../lib/logger.js';

/** Calls its listeners at the earliest of the times that were asked for. */
export interface Waker {
  /** A time on the monotonic clock, in milliseconds. */
  wakeAt(at: number): void;
  /** Returns a function that ends it. */
  onWake(listener: () => void): () => void;
  close(): void;
}

export function createWaker(clock: Pick<Clock, 'monotonic' | 'after'>, log: Pick<Logger, 'error'>): Waker {
  const listeners = createListeners((error) => log.error({ err: error }, 'waker: a listener failed'));
  let next: { readonly at: number; readonly cancel: () => void } | undefined;

  function wake(): void {
    next = undefined;
    listeners.tell();
  }

  return {
    wakeAt(at) {
      if (next !== undefined && next.at <= at) return;
      next?.cancel();
      next = { at, cancel: clock.after(Math.max(at - clock.monotonic(), 0), wake) };
    },
    onWake: listeners.add,
    close() {
      next?.cancel();
      next = undefined;
    },
  };
}
