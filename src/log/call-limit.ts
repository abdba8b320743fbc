import type { Clock } from '../lib/clock.js';
import { unavailable } from '../lib/coded-error.js';

/** A signal that aborts after `ms`, and whose timer ends with `end`. */
export interface CallLimit {
  readonly signal: AbortSignal;
  abort(): void;
  end(): void;
}

export function limitCall(clock: Clock, ms: number): CallLimit {
  const controller = new AbortController();
  const cancel = clock.after(ms, () => controller.abort());
  return { signal: controller.signal, abort: () => controller.abort(), end: cancel };
}

/** Runs one call of the store under a limit of its own. */
export async function limited<Value>(
  clock: Clock,
  ms: number,
  call: (signal: AbortSignal) => Promise<Value>,
): Promise<Value> {
  const limit = limitCall(clock, ms);
  try {
    return await call(limit.signal);
  } finally {
    limit.end();
  }
}

/**
 * Waits for work that others share for as long as `signal` allows; the work itself goes on.
 *
 * @throws CodedError `UNAVAILABLE` when the signal aborts first.
 */
export function until<Value>(signal: AbortSignal, work: Promise<Value>): Promise<Value> {
  return new Promise((resolve, reject) => {
    const give = (): void => reject(unavailable(signal.reason));
    if (signal.aborted) give();
    signal.addEventListener('abort', give, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', give));
  });
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
