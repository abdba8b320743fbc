import { createAbortWatch } from '../lib/abort-watch.js';
import type { Clock } from '../lib/clock.js';
import { createDeadlines } from '../lib/deadlines.js';
import { createHeapShare } from '../lib/heap-share.js';
import type { TurnShare } from '../lib/turn-share.js';
import { codedGraphQLError, type Refusal } from './errors.js';
import type { OperationRequest } from './prepared.js';

/** A document waits for its turn no longer: what it asks for takes its time, too. */
const MAX_WAIT_MS = 2000;
/** What waits is kept as it was read: short items take so many bytes for a character of their JSON. */
const BYTES_PER_CHARACTER = 16;
/** No transport takes a longer one. */
const LONGEST_REQUEST = 65_536;
/** Most lines are short again by then. */
const RETRY_AFTER_MS = 2000;

const TOO_MANY: Refusal = {
  errors: [
    codedGraphQLError('OVERLOADED', 'Too many new documents wait to be read. Try again.', RETRY_AFTER_MS),
  ],
};

/** How long its JSON is. What is nested too deep can be read, but not written. */
function lengthOf(request: OperationRequest): number {
  try {
    return JSON.stringify(request).length;
  } catch {
    return LONGEST_REQUEST;
  }
}

/**
 * Divides documents that are new among turns of the event loop: to read one takes about as long as a long query.
 *
 * @param costOf - what it costs to read a text now; nothing when it is known.
 * @param heapBytes - how large the heap may become.
 */
export function createDocumentTurns({
  costOf,
  share,
  clock,
  heapBytes,
}: {
  costOf: (text: string) => number;
  share: TurnShare;
  clock: Clock;
  heapBytes: number;
}) {
  const waiting = createHeapShare(heapBytes);
  const aborts = createAbortWatch();
  const deadline = createDeadlines({ clock, ms: MAX_WAIT_MS });

  function wait(query: string, address: string, bytes: number): Promise<Refusal | null> {
    return new Promise((resolve) => {
      const signal = deadline();
      let isOver = false;
      const end = (refusal: Refusal | null): void => {
        if (isOver) return;
        isOver = true;
        aborts.remove(signal, late);
        waiting.change(address, -bytes);
        resolve(refusal);
      };
      const late = (): void => end(TOO_MANY);
      waiting.change(address, bytes);
      aborts.add(signal, late);
      // Another one may have brought the same document by then.
      void share.wait(address, () => (isOver ? 0 : costOf(query))).then(() => end(null));
    });
  }

  /**
   * Null when the document of a caller may be prepared at once. Else resolves with null in the turn in which it may, or
   * with why it may not: too many wait, or it waited for too long.
   */
  return (request: OperationRequest, address: string): Promise<Refusal | null> | null => {
    if (share.takes(address, costOf(request.query))) return null;
    const bytes = BYTES_PER_CHARACTER * lengthOf(request);
    return waiting.fits(address, bytes) ? wait(request.query, address, bytes) : Promise.resolve(TOO_MANY);
  };
}
