import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';

/**
 * The connections of a server that have not asked for anything yet, as browsers open them ahead. Node takes each for
 * one whose request is under way, and so does not end it with those that are idle.
 */
export function watchSilent(server: Server): ReadonlySet<Socket> {
  const silent = new Set<Socket>();

  function forget(this: Socket): void {
    silent.delete(this);
  }

  function asked({ socket }: IncomingMessage): void {
    // There are many connections, and most stay: nothing is kept for those that have asked.
    if (silent.delete(socket)) socket.off('close', forget);
  }

  server.on('connection', (socket) => {
    silent.add(socket);
    socket.once('close', forget);
  });
  server.on('request', asked);
  server.on('upgrade', asked);
  return silent;
}
