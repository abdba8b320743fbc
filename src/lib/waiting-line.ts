import type { Clock } from './clock.js';

/** So much of a turn of the event loop is for newcomers while nobody waits, in milliseconds; one always comes in. */
const SLICE_MS = 10;
/**
 * So much of a turn is for those who wait; one of them always comes in. With 2 ms, the last clients of a killed instance
 * waited for 3.0 to 3.4 s on two instances as young as it; 2.2 to 2.6 s with 5 ms, and 2.6 s with 10.
 */
const SLICE_OF_LINE_MS = 5;
/** No more of them in one turn, however little they take. */
const MAX_AT_ONCE = 16;
/**
 * Those who wait come in in every fourth turn. Node accepts no more than one connection in a turn: if each were as long
 * as an answer, those who are to be told to come back would wait for that in the kernel's queue.
 */
const TURNS_EACH = 4;
/**
 * Or in the next turn, when all others have had so many times what newcomers last took, and this long at least, in
 * milliseconds. A fresh instance under load has turns of 70 ms: 51 clients of one that was killed waited up to 3.7 s for
 * every fourth of them, and took 21 ms together.
 */
const OTHERS_SHARE = 4;
const OTHERS_MS = 20;

interface Waiting {
  readonly since: number;
  readonly enter: () => void;
}

/** Those who may come in one after the other, so that no turn of the event loop is long because of them. */
export interface WaitingLine {
  /**
   * Null for whoever may come in at once. Else a promise that resolves at its turn: they come in in the order in
   * which they came.
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
  /** Whether `endTurn` is due. */
  let isTurning = false;
  let turnsLeft = TURNS_EACH;
  /** When the first of those who waited came in in this turn; null before. */
  let letInAt: number | null = null;
  /** For how long they came in, when any of them last did. */
  let tookMs = 0;
  /** For how long all others had turns since then. */
  let othersMs = 0;
  let turnBegan = 0;

  function letIn(): void {
    const next = line[first];
    if (next === undefined) return;
    const now = clock.monotonic();
    began ??= now;
    if (began !== now && now - began >= SLICE_OF_LINE_MS) return;
    letInAt ??= now;
    first += 1;
    if (first === line.length) {
      line = [];
      first = 0;
    }
    next.enter();
  }

  function endTurn(): void {
    const cameIn = began !== null;
    began = null;
    isTurning = line.length > 0;
    if (!isTurning) return;
    const now = clock.monotonic();
    if (letInAt !== null) tookMs = now - letInAt;
    // What a turn holds besides newcomers who came in at once is not known.
    if (letInAt !== null || !cameIn) othersMs += (letInAt ?? now) - turnBegan;
    letInAt = null;
    turnBegan = now;
    turnsLeft -= 1;
    if (turnsLeft === 0 || othersMs >= Math.max(OTHERS_MS, OTHERS_SHARE * tookMs)) {
      othersMs = 0;
      turnsLeft = TURNS_EACH;
      const count = Math.min(line.length - first, MAX_AT_ONCE);
      for (let each = 0; each < count; each += 1) nextTurn(letIn);
    }
    nextTurn(endTurn);
  }

  function turn(): void {
    if (isTurning) return;
    isTurning = true;
    turnsLeft = TURNS_EACH;
    letInAt = null;
    tookMs = 0;
    othersMs = 0;
    turnBegan = clock.monotonic();
    nextTurn(endTurn);
  }

  return {
    join() {
      turn();
      const now = clock.monotonic();
      if (line.length === 0) {
        began ??= now;
        if (began === now || now - began < SLICE_MS) return null;
      }
      return new Promise((enter) => line.push({ since: now, enter }));
    },
    waitedMs() {
      const next = line[first];
      return next === undefined ? 0 : clock.monotonic() - next.since;
    },
  };
}
