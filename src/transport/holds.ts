import type { Socket } from 'node:net';

/** What is held for connections, each piece until it is released or its connection has ended. */
export function createHolds() {
  const ofSockets = new WeakMap<Socket, Set<() => void>>();

  function made(socket: Socket): Set<() => void> {
    const holds = new Set<() => void>();
    ofSockets.set(socket, holds);
    // Of a connection that ended, Node tells only of the answer that was being written.
    socket.once('close', () => {
      for (const release of holds) release();
    });
    return holds;
  }

  return {
    /** How many pieces are held for a connection. */
    count: (socket: Socket): number => ofSockets.get(socket)?.size ?? 0,

    /**
     * @param onRelease - called once, when the piece is held no more.
     * @returns what releases it; twice does nothing.
     */
    hold(socket: Socket, onRelease: () => void): () => void {
      const holds = ofSockets.get(socket) ?? made(socket);
      const release = (): void => {
        if (holds.delete(release)) onRelease();
      };
      holds.add(release);
      return release;
    },
  };
}
