import { MS_PER_SECOND, type Clock } from '../lib/clock.js';
import type { RateLimits } from '../limits/rate-limits.js';
import type { Connection } from './connection.js';

/** So many times its limit a socket may send: what was on its way when it was closed, and its answer, is less. */
const MAX_LIMITS_READ = 2;

/**
 * Counts the frames of each socket, also while that is being closed. Whoever goes on sending instead of answering the
 * close is not read any more: that would keep the server busy, and its timers waiting, for as long as there is more.
 */
export function createFrameCount({
  limits,
  clock,
  onTooMany,
}: {
  limits: Pick<RateLimits, 'framesPerSocket'>;
  clock: Pick<Clock, 'monotonic'>;
  /** Closes the socket, which may be closing already. */
  onTooMany: (connection: Connection) => void;
}) {
  return (connection: Connection): void => {
    const { framesPerSocket } = limits;
    if (framesPerSocket === null) return;
    const { points, seconds } = framesPerSocket;
    const now = Math.floor(clock.monotonic());
    if (now >= connection.framesUntil) {
      connection.frames = 0;
      connection.framesUntil = now + seconds * MS_PER_SECOND;
    }
    connection.frames += 1;
    if (connection.frames === points + 1) onTooMany(connection);
    if (connection.frames > MAX_LIMITS_READ * points) connection.ws.pause();
  };
}
