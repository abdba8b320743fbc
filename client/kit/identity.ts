import type { Environment, KeyValueStorage } from './environment.js';
import { isObject } from './request-error.js';

/** A token with the times that decide when it is renewed, in milliseconds since the Unix epoch. */
export interface HeldToken {
  readonly token: string;
  /** When this token was first seen here. */
  readonly obtainedAt: number;
  readonly expiresAt: number;
}

const STORAGE_KEY = 'madang.token';
/** By a clock that is far ahead every token is over when it comes: it is renewed this often, not again and again. */
const WRONG_CLOCK_RENEWAL_MS = 60_000;
/** Timers are wound anew at least this often: browsers cut longer ones short. */
const LONGEST_TIMER_MS = 24 * 3_600_000;

/**
 * Keeps the token of this visitor, and says when half of its life is over.
 *
 * @param renew called once half of a token's life is over, again for each token that `keep` receives.
 */
export function createIdentity({
  storage,
  environment,
  renew,
}: {
  storage: KeyValueStorage;
  environment: Environment;
  renew: () => void;
}) {
  let cancelTimer = () => {};

  function read(): HeldToken | null {
    try {
      const held: unknown = JSON.parse(storage.get(STORAGE_KEY) ?? 'null');
      return isHeldToken(held) ? held : null;
    } catch {
      return null;
    }
  }

  function wind(): void {
    cancelTimer();
    const held = read();
    if (held === null) return;
    const half = held.obtainedAt + (held.expiresAt - held.obtainedAt) / 2;
    const isClockRight = held.expiresAt > held.obtainedAt;
    const wait = isClockRight ? Math.max(half - environment.now(), 0) : WRONG_CLOCK_RENEWAL_MS;
    cancelTimer = environment.after(Math.min(wait, LONGEST_TIMER_MS), wait > LONGEST_TIMER_MS ? wind : renew);
  }

  return {
    /** The token to send now; read from storage each time, since another tab may have renewed it. */
    token: (): string | null => read()?.token ?? null,
    /** Keeps a token the server gave; one already held keeps the time it was obtained. */
    keep(token: string, expiresAt: string): void {
      const held = read();
      if (held?.token !== token) {
        const next: HeldToken = { token, obtainedAt: environment.now(), expiresAt: Date.parse(expiresAt) };
        storage.set(STORAGE_KEY, JSON.stringify(next));
      }
      wind();
    },
    /** Forgets a token that was refused, unless storage holds another one by now. */
    drop(token: string): void {
      if (read()?.token === token) storage.remove(STORAGE_KEY);
      cancelTimer();
    },
    /** Stops the timer. */
    stop: () => cancelTimer(),
  };
}

function isHeldToken(value: unknown): value is HeldToken {
  if (!isObject(value)) return false;
  const { token, obtainedAt, expiresAt } = value;
  return (
    typeof token === 'string' && token !== '' && Number.isFinite(obtainedAt) && Number.isFinite(expiresAt)
  );
}
