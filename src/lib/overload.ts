import type { Clock } from './clock.js';
import { every } from './every.js';
import type { Chance } from './ids.js';
import type { Logger } from './logger.js';
import type { Load } from './process-load.js';
import type { WaitingLine } from './waiting-line.js';

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
 * Newcomers wait for each other (waiting-line.ts); when the first of them has waited for so long already, the next one
 * is told to come back. More than a calm instance lets anybody wait, so that it stays overloaded for as long as they
 * come.
 */
const PATIENCE_MS = 250;
/** The same before it is known that this is an overload, and not a moment in which others have the processors. */
const PATIENCE_AT_FIRST_MS = 4000;
const MIN_RETRY_MS = 1000;
const MAX_RETRY_MS = 5000;

/** Whether this instance has more to do than it can. */
export interface Overload {
  active(): boolean;
  /**
   * Resolves with null when a newcomer may come in, which may take a while when many come at once; else with how long
   * it is asked to stay away, in milliseconds: each a different time, so that they do not all come back in one moment.
   * Null at once when nobody is before it.
   */
  admit(): Promise<number | null> | null;
  stop(): void;
}

/**
 * Watches the load and says when new work is to be refused, so that the conversations which are under way go on.
 *
 * @param onChange - hears when it begins (true) and ends.
 */
export function createOverload(deps: {
  readonly read: () => Load;
  /** The newcomers that wait. */
  readonly line: WaitingLine;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly log: Logger;
  readonly onChange: (overloaded: boolean) => void;
}): Overload {
  const { read, line, clock, chance, log, onChange } = deps;
  const shown = SIGNS.map(() => 0);
  let overloaded = false;
  let calm = 0;
  /** Whether memory is short: whoever is let in would take more of it. */
  let isHeavy = false;

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
        'overloaded: new sockets and callers without a token wait, and are refused when too many do',
      );
    else log.info(fields, 'no longer overloaded');
  }

  function look(): void {
    const measured = read();
    // Newcomers that wait are work that is late: the loop itself is on time, because they wait.
    const load = { ...measured, delayMs: Math.max(measured.delayMs, line.waitedMs()) };
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

  function isFull(): boolean {
    if (overloaded && isHeavy) return true;
    return line.waitedMs() > (overloaded ? PATIENCE_MS : PATIENCE_AT_FIRST_MS);
  }

  const stop = every(clock, INTERVAL_MS, look, (error) =>
    log.error({ err: error }, 'The load could not be read'),
  );
  return {
    active: () => overloaded,
    admit() {
      if (isFull())
        return Promise.resolve(Math.round(MIN_RETRY_MS + chance() * (MAX_RETRY_MS - MIN_RETRY_MS)));
      return line.join()?.then(() => null) ?? null;
    },
    stop,
  };
}
