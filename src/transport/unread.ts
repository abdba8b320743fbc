import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { isOpen, isWritable, onceWritable, send, type Connection } from './connection.js';
import { createHolds } from './holds.js';

/** This part of the heap, in UTF-16 code units of answers, may wait for the callers of one address to take it. */
const OF_ADDRESS = 1 / 32;
/** And for all together. */
const OF_ALL = 1 / 8;

/**
 * Counts the answers that were given to connections and not taken yet. One visitor may ask for as much in seconds as a
 * small heap holds, and need not read it: the connection that leaves too much is cut. Who takes what it is sent is not
 * touched, however much others leave.
 *
 * @param heapBytes - how large the heap may become.
 */
export function createUnread(heapBytes: number) {
  const maxOfAddress = OF_ADDRESS * heapBytes;
  const maxOfAll = OF_ALL * heapBytes;
  const ofAddress = new Map<string, number>();
  const holds = createHolds();
  let ofAll = 0;

  function change(address: string, by: number): void {
    ofAll += by;
    const left = (ofAddress.get(address) ?? 0) + by;
    if (left === 0) ofAddress.delete(address);
    else ofAddress.set(address, left);
  }

  /** Counts what waits on this connection until what is returned is called or it ends; cuts it when that is too much. */
  function hold(socket: Socket, address: string, length: number): () => void {
    const tooMuch = (ofAddress.get(address) ?? 0) + length > maxOfAddress || ofAll + length > maxOfAll;
    if (tooMuch) socket.destroy();
    if (socket.destroyed) return () => undefined;
    change(address, length);
    return holds.hold(socket, () => change(address, -length));
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
