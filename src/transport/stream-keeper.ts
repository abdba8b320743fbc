import type { ServerResponse } from 'node:http';
import type { GraphQLError } from 'graphql';
import { codedGraphQLError } from '../graphql/errors.js';
import type { Clock } from '../lib/clock.js';
import type { TokenTerm } from '../visitors/visitor-token.js';
import { createHolds } from './holds.js';
import type { Places } from './places.js';

/** A part of the streams is looked at each second, one after the other, so that they do not all end in one moment. */
const LOOK_INTERVAL_MS = 1000;
/** So each stream is looked at every five seconds. */
const PARTS = 5;
/** A place may be free again after this, as for sockets. */
const RETRY_AFTER_MS = 5000;
/** Another instance has places at once. */
const RETRY_ELSEWHERE_MS = 1000;

const FULL = {
  capacity: { code: 'OVERLOADED', message: 'No room for more event streams.' },
  address: { code: 'RATE_LIMITED', message: 'Too many event streams and sockets from this address.' },
} as const;

/**
 * Looks after the streams of events that stay open, with one timer: they take a place as sockets do, and end with
 * the token that they were opened with. Such a stream is cut, never completed: its client comes back and is told
 * `UNAUTHENTICATED`, as one of a socket is by 4403.
 */
export function createStreamKeeper({
  clock,
  places,
  refusing,
}: {
  clock: Clock;
  places: Places;
  /** Whether the server is going away. */
  refusing: () => boolean;
}) {
  const streams = new Set<ServerResponse>();
  const parts = Array.from({ length: PARTS }, () => new Map<ServerResponse, TokenTerm>());
  const ofConnections = createHolds();
  let part = 0;
  let placed = 0;
  let cancel: () => void = () => undefined;

  const holds = ({ expiresAt, inForce }: TokenTerm): boolean =>
    expiresAt.getTime() > clock.now() && inForce();

  function look(): void {
    for (const [stream, term] of parts[part] ?? []) if (!holds(term)) stream.destroy();
    part = (part + 1) % PARTS;
    cancel = clock.after(LOOK_INTERVAL_MS, look);
  }

  function onceOver(stream: ServerResponse, listener: () => void): void {
    const { socket } = stream.req;
    const over = ofConnections.hold(socket, listener);
    if (stream.closed || socket.destroyed) over();
    else stream.once('close', over);
  }

  return {
    start: () => void (cancel = clock.after(LOOK_INTERVAL_MS, look)),
    stop: () => cancel(),
    /** Those that are open. */
    streams,

    /**
     * Takes a place for a stream until it is closed, and gives null, or why there is none.
     *
     * @param term - for how long its token holds; null: for ever.
     */
    add(stream: ServerResponse, address: string, term: TokenTerm | null): GraphQLError | null {
      if (refusing()) {
        return codedGraphQLError('OVERLOADED', 'Going away; subscribe again.', RETRY_ELSEWHERE_MS);
      }
      const full = places.take(address);
      if (full !== null) {
        const { code, message } = FULL[full];
        return codedGraphQLError(code, message, RETRY_AFTER_MS);
      }
      const own = parts[placed % PARTS];
      placed += 1;
      streams.add(stream);
      if (term !== null) own?.set(stream, term);
      onceOver(stream, () => {
        own?.delete(stream);
        streams.delete(stream);
        places.leave(address);
      });
      return null;
    },

    /** Calls `listener` once when a stream has ended, also one whose turn on its connection never came. */
    onceOver,
  };
}

export type StreamKeeper = ReturnType<typeof createStreamKeeper>;
