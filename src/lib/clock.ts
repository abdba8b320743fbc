export const MS_PER_SECOND = 1000;

/**
 * Time as an argument. Everything that waits, measures or stamps takes a `Clock`, so that tests and the
 * simulation can own time.
 */
export interface Clock {
  /** Wall clock, in milliseconds since the Unix epoch. May jump; never use it to measure. */
  now(): number;
  /** Monotonic clock, in milliseconds since an arbitrary origin. Never jumps. */
  monotonic(): number;
  /**
   * Runs `callback` once after `ms` milliseconds and returns a function that cancels it. Cancelling twice,
   * or after it ran, does nothing. Does not keep the process alive.
   */
  after(ms: number, callback: () => void): () => void;
  /** A signal that aborts after `ms` milliseconds. Does not keep the process alive. */
  deadline(ms: number): AbortSignal;
}

/** The clock of this machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
  deadline: (ms) => AbortSignal.timeout(ms),
};

/** Resolves after `ms` milliseconds of `clock`. */
export function sleep(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(ms, resolve);
  });
}
