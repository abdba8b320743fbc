import type { Clock } from '../lib/clock.js';

/** Limits calls that are made one after the other; their signals are shared as far as that goes. */
export interface CallLimit {
  /** The signal of the call that begins now: it aborts when that takes too long. */
  begin(): AbortSignal;
  /** Aborts the signal of the call that is under way. */
  abort(): void;
  /** The call is over. */
  end(): void;
}

/**
 * Limits each call to `ms`. A signal and a timer of its own would cost a good part of what a small call does: one
 * signal serves many calls, and one timer looks after them.
 */
export function createCallLimit(clock: Clock, ms: number): CallLimit {
  /** Null while nothing was called for a while: most logs rest. */
  let controller: AbortController | null = null;
  let isWorn = false;
  let endsAt: number | null = null;
  let isTimed = false;

  function time(left: number): void {
    isTimed = true;
    clock.after(left, () => {
      isTimed = false;
      // What calls may have left hanging on it is let go.
      isWorn = true;
      if (endsAt === null) {
        controller = null;
        return;
      }
      const rest = endsAt - clock.monotonic();
      if (rest > 0) time(rest);
      else controller?.abort();
    });
  }

  return {
    begin() {
      if (controller === null || isWorn || controller.signal.aborted) controller = new AbortController();
      isWorn = false;
      endsAt = clock.monotonic() + ms;
      if (!isTimed) time(ms);
      return controller.signal;
    },
    abort: () => controller?.abort(),
    end() {
      endsAt = null;
    },
  };
}

/** Runs one call of the store under a limit of its own. */
export async function limited<Value>(
  clock: Clock,
  ms: number,
  call: (signal: AbortSignal) => Promise<Value>,
): Promise<Value> {
  const controller = new AbortController();
  const cancel = clock.after(ms, () => controller.abort());
  try {
    return await call(controller.signal);
  } finally {
    cancel();
  }
}

/** Waits for something, but not longer than `ms`. Never rejects. */
export function atMost(clock: Clock, ms: number, work: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.after(ms, resolve);
    const end = (): void => {
      cancel();
      resolve();
    };
    work.then(end, end);
  });
}
