import type { Environment } from './environment.js';

/** A new message is kept this many milliseconds after it came, together with those that come meanwhile. */
const KEEP_DELAY_MS = 1000;

/** Keeps what changes often: soon after a change, and not for each of many. */
export function keepSoon(environment: Environment, keep: () => void) {
  let cancel: (() => void) | null = null;
  function now(): void {
    cancel?.();
    cancel = null;
    keep();
  }
  return {
    now,
    soon(): void {
      cancel ??= environment.after(KEEP_DELAY_MS, now);
    },
    /** Keeps now what waits to be kept. */
    finish(): void {
      if (cancel !== null) now();
    },
  };
}
