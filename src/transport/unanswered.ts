import type { IncomingMessage } from 'node:http';
import { createHolds } from './holds.js';

/** So many requests of one connection may always wait for their answers to be taken: more than clients send ahead. */
const MAX_WAITING = 32;
/** So many more may wait on all connections together; each holds some 4 kB. */
const MAX_AHEAD = 4096;

interface Closing {
  once(event: 'close', listener: () => void): unknown;
}

/**
 * Counts the requests of each connection whose answers were not taken yet. A client that sends them ahead and reads
 * nothing has a thousand of them for what one write costs it, and 100 such connections took more than a small heap: the
 * connection that asks for more than there is room for is cut.
 *
 * @returns whether a request is to be answered; the connection of one that is not has been cut. Given with the request is
 *   what is closed when its answer was taken.
 */
export function createUnanswered(): (request: IncomingMessage, answer: Closing) => boolean {
  const holds = createHolds();
  let ahead = 0;

  return ({ socket }, answer) => {
    if (socket.destroyed) return false;
    const isAhead = holds.count(socket) >= MAX_WAITING;
    if (isAhead && ahead >= MAX_AHEAD) {
      socket.destroy();
      return false;
    }
    if (isAhead) ahead += 1;
    const release = holds.hold(socket, () => {
      // Which of them was answered does not matter: while more wait than always may, one less is ahead.
      if (holds.count(socket) >= MAX_WAITING) ahead -= 1;
    });
    answer.once('close', release);
    return true;
  };
}
