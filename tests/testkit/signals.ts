/** So long a test waits for a store, however busy the machine is. */
const LIMIT_MS = 30_000;

/** The signal of a call that has time. */
export const soon = (): AbortSignal => AbortSignal.timeout(LIMIT_MS);

/** The signal of a call that nobody waits for any more. */
export const gone = (): AbortSignal => AbortSignal.abort(new Error('too late'));
