import { vi } from 'vitest';
import { MESSAGE_ADDED } from '../testkit/seed.js';
import { openSocket, type GraphqlSocket } from '../testkit/socket-client.js';

const WAIT = { timeout: 60_000, interval: 100 };
const AGAIN_MS = 500;

/** A socket; a server that is too busy for newcomers is asked again. */
export const open: typeof openSocket = (...args) => vi.waitFor(() => openSocket(...args), WAIT);

/** Follows a room for as long as the socket lives: what a busy store refuses is asked for again, as clients do. */
export function follow(socket: GraphqlSocket, roomId: string): void {
  const { ended } = socket.subscribe(MESSAGE_ADDED, { roomId });
  void ended.then((how) => {
    if (how === 'error') setTimeout(() => follow(socket, roomId), AGAIN_MS);
  });
}
