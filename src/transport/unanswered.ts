import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** So many requests of one connection may always wait for their answers to be taken: more than clients send ahead. */
const MAX_WAITING = 32;
/** So many more may wait on all connections together; each holds some 4 kB. */
const MAX_AHEAD = 4096;

const aheadOf = (waiting: number): number => Math.max(0, waiting - MAX_WAITING);

/**
 * Counts the requests of each connection whose answers were not taken yet. A client that sends them ahead and reads
 * nothing has a thousand of them for what one write costs it, and 100 such connections took more than a small heap: the
 * connection that asks for more than there is room for is cut.
 *
 * @returns whether a request is to be answered; the connection of one that is not has been cut.
 */
export function createUnanswered(): (request: IncomingMessage, response: ServerResponse) => boolean {
  const connections = new WeakMap<Socket, { waiting: number }>();
  let ahead = 0;

  function change(connection: { waiting: number }, by: number): void {
    const before = aheadOf(connection.waiting);
    connection.waiting += by;
    ahead += aheadOf(connection.waiting) - before;
  }

  function made(socket: Socket): { waiting: number } {
    const connection = { waiting: 0 };
    connections.set(socket, connection);
    // Of a connection that ended, Node tells only of the answer that was being written.
    socket.once('close', () => change(connection, -connection.waiting));
    return connection;
  }

  return ({ socket }, response) => {
    if (socket.destroyed) return false;
    const connection = connections.get(socket) ?? made(socket);
    if (connection.waiting >= MAX_WAITING && ahead >= MAX_AHEAD) {
      socket.destroy();
      return false;
    }
    change(connection, 1);
    response.once('close', () => {
      if (!socket.destroyed) change(connection, -1);
    });
    return true;
  };
}
