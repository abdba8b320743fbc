import type { Clock } from './clock.js';

/** So much of a turn of the event loop is for newcomers while nobody waits, in milliseconds. */
const SLICE_MS = 10;

interface Waiting {
  readonly since: number;
  readonly enter: () => void;
}

/** Those who may come in one after the other, so that no turn of the event loop is long because of them. */
export interface WaitingLine {
  /**
   * Null for whoever may come in at once. Else a promise that resolves at its turn: they come in in the order in
   * which they came, one in each turn of the event loop.
   */
  join(): Promise<void> | null;
  /** For how long the first in the line has waited, in milliseconds; 0 when nobody waits. */
  waitedMs(): number;
}

/**
 * Requests that are read in one turn of the event loop are answered in it, and all others wait for its end: with
 * hundreds of them, the conversations under way are heard once a second. Here they wait for each other instead.
 *
 * @param nextTurn - runs its argument once the input of this turn was handled, and in the next turn when it is called
 *   from there (`setImmediate`).
 */
export function createWaitingLine({
  clock,
  nextTurn,
}: {
  clock: Pick<Clock, 'monotonic'>;
  nextTurn: (callback: () => void) => void;
}): WaitingLine {
  let line: Waiting[] = [];
  /** Where in `line` the first one is that still waits. */
  let first = 0;
  /** When the first newcomer of this turn came in; null before. */
  let began: number | null = null;

  function endTurn(): void {
    began = null;
    const next = line[first];
    if (next === undefined) return;
    first += 1;
    if (first === line.length) {
      line = [];
      first = 0;
    }
    begin();
    next.enter();
  }

  function begin(): void {
    began = clock.monotonic();
    nextTurn(endTurn);
  }

  return {
    join() {
      if (line.length === 0) {
        if (began === null) {
          begin();
          return null;
        }
        if (clock.monotonic() - began < SLICE_MS) return null;
      }
      return new Promise((enter) => line.push({ since: clock.monotonic(), enter }));
    },
    waitedMs() {
      const next = line[first];
      return next === undefined ? 0 : clock.monotonic() - next.since;
    },
  };
}
