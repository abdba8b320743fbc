import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
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
 */
export function createUnanswered() {
  const holds = createHolds();
  let ahead = 0;

  return {
    /**
     * Whether a request is to be answered; the connection of one that is not has been cut.
     *
     * @param answer - what is closed when the answer was taken.
     */
    admits: ({ socket }: IncomingMessage, answer: Closing): boolean => {
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
    },

    /** Whether a connection is owed answers. */
    owes: (socket: Socket): boolean => holds.count(socket) > 0,
  };
}
