import type { Clock } from '../lib/clock.js';
import { every } from '../lib/every.js';

/** How often somebody who stays is told again, at most, in milliseconds; a crash loses that much presence. */
export const MAX_RENEWAL_MS = 30_000;
/** Somebody who stays is written to the journal, and told again, at least this often in a window. */
export const RENEWALS_PER_WINDOW = 6;
/** A round of renewals is spread over slices of at least this length, in milliseconds. */
const MIN_SLICE_MS = 50;
const MAX_SLICES = 30;

/** How long a round takes in which all who stay are told again, in milliseconds, and over how many slices it is spread. */
export interface Round {
  readonly ms: number;
  readonly slices: number;
}

/** @param windowMs - how long a visit counts. */
export function roundFor(windowMs: number): Round {
  const ms = Math.min(MAX_RENEWAL_MS, windowMs / RENEWALS_PER_WINDOW);
  return { ms, slices: Math.max(1, Math.min(MAX_SLICES, Math.floor(ms / MIN_SLICE_MS))) };
}

/**
 * Renews one slice after the other, each once a round: as many at a time as time has passed for, since a process that is
 * busy, or that stood still, comes late. Returns how to end it.
 */
export function everySlice(
  clock: Clock,
  { ms, slices }: Round,
  renew: (slice: number) => void,
  onError: (error: unknown) => void,
): () => void {
  const sliceMs = ms / slices;
  let slice = 0;
  let renewedAt = clock.monotonic();

  function renewDue(): void {
    const now = clock.monotonic();
    const due = Math.min(Math.max(Math.round((now - renewedAt) / sliceMs), 1), slices);
    renewedAt = now;
    for (let rest = due; rest > 0; rest -= 1) {
      renew(slice);
      slice = (slice + 1) % slices;
    }
  }

  return every(clock, sliceMs, renewDue, onError);
}
