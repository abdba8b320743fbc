import type { Environment } from './environment.js';

/** The first wait is drawn from 0 to this many milliseconds, and each further one from twice that. */
const FIRST_RETRY_MS = 500;
/** No wait is drawn from more than this many milliseconds. */
export const LONGEST_RETRY_MS = 30_000;

/** Full jitter: a wait from 0 up to `FIRST_RETRY_MS` doubled `attempt` times, at most `LONGEST_RETRY_MS`. */
function fullJitter(attempt: number, random: () => number): number {
  return random() * Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** attempt);
}

/** For so many tries to connect the longest wait stays short: a server that is started again is back within seconds. */
const TRIES_OF_A_RESTART = 8;
/** Until then the first wait is doubled so often at most, to 4 s: fifty pages are back within 6 s of the server. */
const RESTART_DOUBLINGS = 3;
/** From then on it goes on doubling from there. */
const SPARED_DOUBLINGS = TRIES_OF_A_RESTART - RESTART_DOUBLINGS - 1;

/** Full jitter for connecting: as `fullJitter`, but that it stays at 4 s for a while on its way to the longest wait. */
export function reconnectJitter(attempt: number, random: () => number): number {
  const doublings =
    attempt < TRIES_OF_A_RESTART ? Math.min(attempt, RESTART_DOUBLINGS) : attempt - SPARED_DOUBLINGS;
  return fullJitter(doublings, random);
}

/** Waits that grow from failure to failure. */
export interface Backoff {
  /** Milliseconds to wait now; never less than `atLeastMs`, which is what a server asked for. */
  next(atLeastMs?: number | null): number;
  /** Something worked: the next wait is short again. */
  reset(): void;
}

export function createBackoff({ random }: Pick<Environment, 'random'>): Backoff {
  let attempt = 0;
  return {
    // The jitter comes on top of what the server asks for, so that those it turned away do not return as one.
    next: (atLeastMs) => (atLeastMs ?? 0) + fullJitter(attempt++, random),
    reset: () => {
      attempt = 0;
    },
  };
}
