import type { Clock } from './clock.js';
import { every } from './every.js';
import type { Chance } from './ids.js';
import type { Logger } from './logger.js';
import type { Load } from './process-load.js';

const INTERVAL_MS = 1000;

/** A load that looks like this for so many readings in a row is an overload. */
interface Sign {
  readonly shows: (load: Load) => boolean;
  readonly readings: number;
}

const MAX_DELAY_MS = 200;
/** Of a loop that works without a pause, and of one that is well again. */
const NOTICEABLE_DELAY_MS = 100;
const MAX_UTILIZATION = 0.95;
const MAX_HEAP = 0.85;
/**
 * Who gets less than that is late because others have the processors: it would not be in time with fewer callers
 * either, and every other instance on this machine would send them away too.
 */
const BUSY_PROCESSOR = 0.5;

const SIGNS: readonly Sign[] = [
  { shows: ({ delayMs, processor }) => delayMs > MAX_DELAY_MS && processor > BUSY_PROCESSOR, readings: 5 },
  // A loop that never waits and yet is on time only does a lot: a storm of reconnects is let in as fast as it can be.
  {
    shows: ({ utilization, delayMs, processor }) =>
      utilization > MAX_UTILIZATION && delayMs > NOTICEABLE_DELAY_MS && processor > BUSY_PROCESSOR,
    readings: 10,
  },
  // Garbage that was not collected yet counts as well, so one reading says little.
  { shows: ({ heap }) => heap > MAX_HEAP, readings: 2 },
];

/** Not at half of the heap's limit: what a server keeps at rest may be that much. */
const CALM_HEAP = 0.7;
const isCalm = ({ delayMs, heap }: Load): boolean => delayMs < NOTICEABLE_DELAY_MS && heap < CALM_HEAP;
const CALM_READINGS = 3;
/**
 * While it is overloaded this instance serves newcomers for so long in each turn of the event loop, in processor
 * time, and turns the others of that turn away. To refuse all would leave it idle until it is calm, and to let all in
 * again would bring back what it was overloaded by. More than a calm loop may be late, so that it stays overloaded
 * for as long as they come.
 */
const TURN_BUDGET_MS = 120;
const MIN_RETRY_MS = 1000;
const MAX_RETRY_MS = 5000;

/** Whether this instance has more to do than it can. */
export interface Overload {
  active(): boolean;
  /**
   * Null for a newcomer that may come in, always while there is no overload; else how long it is asked to wait, in
   * milliseconds: each a different time, so that they do not all come back in one moment.
   */
  retryAfterMs(): number | null;
  stop(): void;
}

/**
 * Watches the load and says when new work is to be refused, so that the conversations which are under way go on.
 *
 * @param onChange - hears when it begins (true) and ends.
 */
export function createOverload(deps: {
  readonly read: () => Load;
  /** Processor time of this process so far, in milliseconds. */
  readonly processorMs: () => number;
  /** Runs its argument when the input of this turn of the event loop was handled. */
  readonly afterTurn: (callback: () => void) => void;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly log: Logger;
  readonly onChange: (overloaded: boolean) => void;
}): Overload {
  const { read, processorMs, afterTurn, clock, chance, log, onChange } = deps;
  const shown = SIGNS.map(() => 0);
  let overloaded = false;
  let calm = 0;
  /** Whether memory is short: whoever is let in would take more of it. */
  let isHeavy = false;
  /** Processor time when the first newcomer of this turn came; null before. */
  let turnBeganMs: number | null = null;

  function change(to: boolean, load: Load): void {
    overloaded = to;
    calm = 0;
    onChange(to);
    const { delayMs, utilization, processor, heap } = load;
    const fields = {
      delayMs: Math.round(delayMs),
      utilization: utilization.toFixed(2),
      processor: processor.toFixed(2),
      heap: heap.toFixed(2),
    };
    if (to)
      log.warn(
        fields,
        'overloaded: new sockets and callers without a token are refused, but for as many as can be served',
      );
    else log.info(fields, 'no longer overloaded');
  }

  function look(): void {
    const load = read();
    const over = SIGNS.map(({ shows, readings }, index) => {
      const inARow = shows(load) ? (shown[index] ?? 0) + 1 : 0;
      shown[index] = inARow;
      return inARow >= readings;
    }).includes(true);
    calm = isCalm(load) ? calm + 1 : 0;
    isHeavy = load.heap >= CALM_HEAP;
    if (!overloaded && over) change(true, load);
    else if (overloaded && calm >= CALM_READINGS) change(false, load);
  }

  /** Whether this turn has used up what newcomers may take of it. */
  function turnIsFull(): boolean {
    const used = processorMs();
    if (turnBeganMs === null) {
      turnBeganMs = used;
      afterTurn(() => (turnBeganMs = null));
    }
    return used - turnBeganMs >= TURN_BUDGET_MS;
  }

  const stop = every(clock, INTERVAL_MS, look, (error) =>
    log.error({ err: error }, 'The load could not be read'),
  );
  return {
    active: () => overloaded,
    retryAfterMs() {
      if (!overloaded || (!isHeavy && !turnIsFull())) return null;
      return Math.round(MIN_RETRY_MS + chance() * (MAX_RETRY_MS - MIN_RETRY_MS));
    },
    stop,
  };
}
