import type { Clock } from '../../../src/lib/clock.js';

/** A clock that stands still until it is told to go on. */
export interface FakeClock extends Clock {
  /** Lets `ms` milliseconds pass, running every timer at its time and settling what it started. */
  pass(ms: number): Promise<void>;
  /** Timers that wait. */
  pending(): number;
}

/** Enough turns for any chain of promises between two timers. */
const TURNS = 50;

async function settle(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn += 1) await Promise.resolve();
}

export function createFakeClock(startMs = 1_800_000_000_000): FakeClock {
  const timers = new Set<{ at: number; order: number; callback: () => void }>();
  let now = 0;
  let order = 0;

  function after(ms: number, callback: () => void): () => void {
    order += 1;
    const timer = { at: now + Math.max(0, ms), order, callback };
    timers.add(timer);
    return () => void timers.delete(timer);
  }

  return {
    now: () => startMs + now,
    monotonic: () => now,
    after,
    deadline(ms) {
      const controller = new AbortController();
      after(ms, () => controller.abort());
      return controller.signal;
    },
    pending: () => timers.size,
    async pass(ms) {
      const end = now + ms;
      await settle();
      for (;;) {
        const due = [...timers].filter((timer) => timer.at <= end);
        const [next] = due.toSorted((a, b) => a.at - b.at || a.order - b.order);
        if (next === undefined) break;
        timers.delete(next);
        now = Math.max(now, next.at);
        next.callback();
        await settle();
      }
      now = end;
    },
  };
}
