/** Most subscribers served in one turn of the event loop, whatever groups they are in. */
const MAX_MEMBERS_PER_TURN = 250;

/** Someone with work for several turns. */
export interface Worker {
  /** Does at most `budget` pieces of work and says how many. Adds itself again if there is more. */
  work(budget: number): number;
}

export interface Pump {
  /** Lets the worker work once, in a turn after this one. Adding it twice before that does nothing. */
  add(worker: Worker): void;
}

/**
 * Shares the turns of the event loop between workers, in slices, so that a large room does not keep others,
 * or HTTP requests, waiting.
 *
 * @param nextTurn - runs a callback in the next turn of the event loop (`setImmediate`).
 */
export function createPump(nextTurn: (callback: () => void) => void): Pump {
  const line = new Set<Worker>();
  let scheduled = false;

  function turn(): void {
    scheduled = false;
    let budget = MAX_MEMBERS_PER_TURN;
    let left = line.size;
    for (const worker of line) {
      if (budget <= 0 || left === 0) break;
      left -= 1;
      // Before it works: who adds itself again stands behind those who have not worked yet.
      line.delete(worker);
      budget -= worker.work(budget);
    }
    schedule();
  }

  function schedule(): void {
    if (scheduled || line.size === 0) return;
    scheduled = true;
    nextTurn(turn);
  }

  return {
    add(worker) {
      line.add(worker);
      schedule();
    },
  };
}
