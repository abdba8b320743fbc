import type { Clock } from '../../src/lib/clock.js';

/** A clock that moves only when it is told to; callbacks run in order of their time, those due at once included. */
export interface ManualClock extends Clock {
  /**
   * Moves on, and runs what comes due on the way. Between two callbacks it lets everything settle that needs no
   * further time: promises, and what they start.
   */
  advance(ms: number): Promise<void>;
  /** Moves on while nothing runs, as in a process that is stopped; what came due meanwhile runs with the next advance. */
  freeze(ms: number): void;
}

/** Long enough for chains of promises, and for I/O that answers at once, to settle. */
const SETTLE_TURNS = 3;

async function settle(): Promise<void> {
  for (let turn = 0; turn < SETTLE_TURNS; turn += 1) await new Promise(setImmediate);
}

export function createManualClock(startMs = Date.UTC(2026, 0, 31, 9, 30)): ManualClock {
  let elapsed = 0;
  let count = 0;
  const timers = new Map<number, { at: number; callback: () => void }>();

  function after(ms: number, callback: () => void): () => void {
    const id = (count += 1);
    timers.set(id, { at: elapsed + Math.max(ms, 0), callback });
    return () => timers.delete(id);
  }

  /** The timer that comes due first, and of those the one that was set first. */
  function next(until: number): number | undefined {
    let found: number | undefined;
    for (const [id, { at }] of timers) {
      if (at <= until && (found === undefined || at < timers.get(found)!.at)) found = id;
    }
    return found;
  }

  return {
    now: () => startMs + elapsed,
    monotonic: () => elapsed,
    after,
    deadline(ms) {
      const controller = new AbortController();
      after(ms, () => controller.abort(new DOMException('The deadline is over.', 'TimeoutError')));
      return controller.signal;
    },
    async advance(ms) {
      const until = elapsed + ms;
      await settle();
      for (let id = next(until); id !== undefined; id = next(until)) {
        const timer = timers.get(id)!;
        timers.delete(id);
        elapsed = Math.max(elapsed, timer.at);
        timer.callback();
        await settle();
      }
      elapsed = until;
    },
    freeze(ms) {
      elapsed += ms;
    },
  };
}
