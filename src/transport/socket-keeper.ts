import { CloseCode } from 'graphql-ws';
import type { Clock } from '../lib/clock.js';
import type { TokenTerm } from '../visitors/visitor-token.js';
import { always, closeConnection, type Connection } from './connection.js';

/** Each socket is pinged this often; one that stays silent until the next ping is gone. */
const PING_INTERVAL_MS = 12_000;
/**
 * The sockets are visited in as many parts, one after the other, so that no turn is long: a ping costs some 25 µs, so
 * those of 5,000 sockets in twelve parts blocked the event loop for 10 to 14 ms each second.
 */
const PARTS = 120;
/** Sockets that come one after the other are so many parts apart: few sockets are spread over a round, too. */
const STRIDE = 10;
/** A socket that has not introduced itself by then is closed. */
const INIT_WAIT_MS = 3000;
/** A socket without an operation is closed after this. */
const IDLE_MS = 300_000;

/** Every part equally often, in rounds of one each `STRIDE` parts. */
const partOf = (place: number): number => (place * STRIDE + Math.floor((place * STRIDE) / PARTS)) % PARTS;

/**
 * Looks after all open sockets with one timer: pings them, ends those that do not answer, closes those that do
 * not introduce themselves, those that do nothing and those whose token has ended. A key that was taken out ends
 * its sockets at their next ping, so within `PING_INTERVAL_MS` and not all in one moment.
 */
export function createSocketKeeper({ clock }: { clock: Clock }) {
  const parts = Array.from({ length: PARTS }, () => new Set<Connection>());
  let part = 0;
  let placed = 0;
  let cancel: () => void = () => undefined;

  function endWait(connection: Connection): void {
    connection.cancelWait?.();
    connection.cancelWait = null;
  }

  function expire(connection: Connection): void {
    endWait(connection);
    const { expiresAt } = connection;
    if (expiresAt === null) return;
    const left = expiresAt - clock.now();
    // Timers reach no further than 24 days, and most tokens much further than the next visit.
    if (left <= 2 * PING_INTERVAL_MS) {
      connection.cancelWait = clock.after(Math.max(left, 0), () => {
        if ((connection.expiresAt ?? Number.POSITIVE_INFINITY) <= clock.now()) {
          closeConnection(connection, CloseCode.Forbidden, 'The token has expired');
        } else {
          expire(connection);
        }
      });
    }
  }

  function visit(connection: Connection): void {
    if (!connection.alive) return connection.ws.terminate();
    const idle = connection.operations === 0 && clock.monotonic() - connection.activeAt >= IDLE_MS;
    if (idle) return closeConnection(connection, 1000, 'Nothing to do');
    if (!connection.inForce())
      return closeConnection(connection, CloseCode.Forbidden, 'The key of this token was taken out');
    connection.alive = false;
    connection.ws.ping();
    if (connection.expiresAt !== null) expire(connection);
  }

  function tick(): void {
    for (const connection of parts[part] ?? []) visit(connection);
    part = (part + 1) % PARTS;
    cancel = clock.after(PING_INTERVAL_MS / PARTS, tick);
  }

  return {
    start: () => void (cancel = clock.after(PING_INTERVAL_MS / PARTS, tick)),
    stop: () => cancel(),
    /** Looks after the socket until it is removed. */
    add(connection: Connection): void {
      connection.part = partOf(placed);
      placed += 1;
      parts[connection.part]?.add(connection);
      connection.cancelWait = clock.after(INIT_WAIT_MS, () => {
        if (connection.request === null) return;
        closeConnection(
          connection,
          CloseCode.ConnectionInitialisationTimeout,
          'Connection initialisation timeout',
        );
      });
    },
    remove(connection: Connection): void {
      parts[connection.part]?.delete(connection);
      endWait(connection);
    },
    /** For how long the token of this socket holds; null: for ever. */
    holds(connection: Connection, token: TokenTerm | null): void {
      connection.expiresAt = token?.expiresAt.getTime() ?? null;
      connection.inForce = token?.inForce ?? always;
      expire(connection);
    },
  };
}
