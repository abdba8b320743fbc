import { setMaxListeners } from 'node:events';
import type { Clock } from './clock.js';

/** Some listen by themselves, and the listeners of one signal are a list that is walked at each change. */
const MAX_SHARERS = 64;
/** Those who ask so close to each other may share. */
const SLICE_MS = 20;

/**
 * Gives signals that abort `ms` from now, or up to `SLICE_MS` sooner. Some who ask one after the other share a
 * signal: one of its own would be a good part of what a small operation costs.
 */
export function createDeadlines({ clock, ms }: { clock: Clock; ms: number }): () => AbortSignal {
  let signal: AbortSignal | null = null;
  let sharers = 0;
  let sharedUntil = 0;
  return () => {
    const now = clock.monotonic();
    if (signal !== null && sharers < MAX_SHARERS && now < sharedUntil) {
      sharers += 1;
      return signal;
    }
    signal = clock.deadline(ms);
    // Each sharer listens several times.
    setMaxListeners(0, signal);
    sharers = 1;
    sharedUntil = now + SLICE_MS;
    return signal;
  };
}
