import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** So many requests of one connection may wait for their answers to be taken: more than clients send ahead. */
const MAX_UNANSWERED = 32;

/**
 * Counts the requests of each connection whose answers were not taken yet. Each holds some kilobytes, and a client that
 * sends them ahead and reads nothing had a thousand of them for what one write costs it: 100 such connections took more
 * than a small heap.
 *
 * @returns whether a request is to be answered; the connection of one that is not has been cut.
 */
export function createUnanswered(): (request: IncomingMessage, response: ServerResponse) => boolean {
  const waiting = new WeakMap<Socket, number>();

  return ({ socket }, response) => {
    if (socket.destroyed) return false;
    const before = waiting.get(socket) ?? 0;
    if (before >= MAX_UNANSWERED) {
      socket.destroy();
      return false;
    }
    waiting.set(socket, before + 1);
    response.once('close', () => void waiting.set(socket, (waiting.get(socket) ?? 1) - 1));
    return true;
  };
}
