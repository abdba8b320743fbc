import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { createHeapShare } from '../lib/heap-share.js';
import { isOpen, isWritable, onceWritable, send, type Connection } from './connection.js';
import { createHolds } from './holds.js';

/**
 * Counts the answers that were given to connections and not taken yet. One visitor may ask for as much in seconds as a
 * small heap holds, and need not read it: the connection that leaves too much is cut. Who takes what it is sent is not
 * touched, however much others leave. A UTF-16 code unit of an answer is counted as one byte.
 *
 * @param heapBytes - how large the heap may become.
 */
export function createUnread(heapBytes: number) {
  const share = createHeapShare(heapBytes);
  const holds = createHolds();

  /** Counts what waits on this connection until what is returned is called or it ends; cuts it when that is too much. */
  function hold(socket: Socket, address: string, length: number): () => void {
    if (!share.fits(address, length)) socket.destroy();
    if (socket.destroyed) return () => undefined;
    share.change(address, length);
    return holds.hold(socket, () => share.change(address, -length));
  }

  return {
    /** Looks at an answer that was just written: what is left of it is held until that is taken. */
    look(response: ServerResponse, addressOf: () => string): void {
      const { writableLength } = response;
      if (writableLength > 0) response.once('close', hold(response.req.socket, addressOf(), writableLength));
    },

    /** Sends a message to a socket, and counts it for as long as it is not taken. */
    send(connection: Connection, text: string): void | Promise<void> {
      const sent = send(connection, text);
      if (isWritable(connection) || !isOpen(connection)) return sent;
      const release = hold(connection.socket, connection.address, text.length);
      const look = (): void => {
        // All that waited is written at once, after which there may be no room again.
        if (isWritable(connection) || !isOpen(connection)) release();
        else onceWritable(connection, look);
      };
      onceWritable(connection, look);
      return sent;
    },
  };
}

export type Unread = ReturnType<typeof createUnread>;
