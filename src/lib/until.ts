import { unavailable } from './coded-error.js';

/**
 * Waits for work, which others may share, for as long as `signal` allows; the work itself goes on.
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
