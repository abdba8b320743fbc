import type { Clock } from '../lib/clock.js';
import type { Window } from './rates.js';

const MS_PER_SECOND = 1000;

/** Takes points from the budget of a key: null when they were there, else milliseconds until there are new ones. */
export type Spend = (key: string, points: number) => number | null;

/**
 * Counts by key in this process. A key's window begins with its first points and has a fixed length; what is
 * refused counts too. Keys whose window is over are forgotten when the next one begins, so there is no timer.
 */
export function createFixedWindow(
  { points: limit, seconds }: Window,
  clock: Pick<Clock, 'monotonic'>,
): Spend {
  const lengthMs = seconds * MS_PER_SECOND;
  /** The window that ends first is in front: all have one length. */
  const windows = new Map<string, { used: number; readonly endsAt: number }>();

  function forgetEnded(now: number): void {
    for (const [key, { endsAt }] of windows) {
      if (endsAt > now) return;
      windows.delete(key);
    }
  }

  return (key, points) => {
    const now = clock.monotonic();
    let window = windows.get(key);
    if (window === undefined || window.endsAt <= now) {
      forgetEnded(now);
      window = { used: 0, endsAt: now + lengthMs };
      windows.set(key, window);
    }
    window.used += points;
    return window.used <= limit ? null : Math.max(1, Math.ceil(window.endsAt - now));
  };
}
