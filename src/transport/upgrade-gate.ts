import type { IncomingMessage } from 'node:http';
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { GRAPHQL_TRANSPORT_WS_PROTOCOL } from 'graphql-ws';
import { MS_PER_SECOND } from '../lib/clock.js';
import type { Overload } from '../lib/overload.js';
import type { RateLimits } from '../limits/rate-limits.js';
import { originAllowed } from './origins.js';
import type { NoPlace, Places } from './places.js';
import { pathOf } from './request-target.js';

/** Why an upgrade was refused, or that it was not; the values of the metric. */
export type UpgradeResult =
  'accepted' | 'path' | 'protocol' | 'origin' | 'address' | 'capacity' | 'rate' | 'overload' | 'drain';

interface Refusal {
  readonly result: UpgradeResult;
  readonly status: number;
  readonly message: string;
  readonly retryAfterSeconds?: number;
}

const NO_PLACE: Readonly<Record<NoPlace, Refusal>> = {
  capacity: { result: 'capacity', status: 503, message: 'No room for more sockets.', retryAfterSeconds: 5 },
  address: {
    result: 'address',
    status: 429,
    message: 'Too many sockets from this address.',
    retryAfterSeconds: 5,
  },
};

const GOING_AWAY: Refusal = {
  result: 'drain',
  status: 503,
  message: 'Going away; connect again.',
  retryAfterSeconds: 1,
};

/** Answers an upgrade with plain HTTP and closes. */
export function refuseUpgrade(socket: Duplex, { status, message, retryAfterSeconds }: Refusal): void {
  const body = `${message}\n`;
  const headers = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'Connection: close',
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'X-Content-Type-Options: nosniff',
    ...(retryAfterSeconds === undefined ? [] : [`Retry-After: ${retryAfterSeconds}`]),
  ];
  socket.once('finish', () => socket.destroy());
  socket.end(`${headers.join('\r\n')}\r\n\r\n${body}`);
}

const subprotocols = (header: string | undefined): readonly string[] =>
  (header ?? '').split(',').map((name) => name.trim());

/**
 * Decides about upgrades before the handshake, so that a refusal costs next to nothing and is an HTTP status
 * that proxies and clients understand.
 */
export function createUpgradeGate({
  path,
  allowedOrigins,
  limits,
  places,
  refusing,
  overload,
}: {
  path: string;
  allowedOrigins: readonly string[] | null;
  limits: RateLimits;
  places: Places;
  /** Whether the server is going away. */
  refusing: () => boolean;
  overload: Pick<Overload, 'admit'>;
}) {
  function byRequest(request: IncomingMessage): Refusal | null {
    if (pathOf(request) !== path) return { result: 'path', status: 404, message: `Sockets are at ${path}.` };
    if (!originAllowed(request.headers.origin, allowedOrigins)) {
      return { result: 'origin', status: 403, message: 'This origin may not connect.' };
    }
    if (!subprotocols(request.headers['sec-websocket-protocol']).includes(GRAPHQL_TRANSPORT_WS_PROTOCOL)) {
      const message = `Ask for the subprotocol ${GRAPHQL_TRANSPORT_WS_PROTOCOL}.`;
      return { result: 'protocol', status: 400, message };
    }
    return null;
  }

  async function byLoad(): Promise<Refusal | null> {
    const wait = await overload.admit();
    if (wait === null) return null;
    const retryAfterSeconds = Math.ceil(wait / MS_PER_SECOND);
    return { result: 'overload', status: 503, message: 'Too busy for more sockets.', retryAfterSeconds };
  }

  /** Takes a place when there is one. */
  function byCapacity(address: string): Refusal | null {
    if (refusing()) return GOING_AWAY;
    const full = places.take(address);
    return full === null ? null : NO_PLACE[full];
  }

  async function byRate(address: string): Promise<Refusal | null> {
    const own = await limits.consume('connectPerAddress', address);
    const wait = own ?? (await limits.consume('upgradePerInstance', 'all'));
    if (wait === null) return null;
    return {
      result: 'rate',
      status: own === null ? 503 : 429,
      message: 'Too many new sockets at once.',
      retryAfterSeconds: Math.ceil(wait / MS_PER_SECOND),
    };
  }

  return {
    /** Takes a place for a socket and gives null, or why there is none. */
    async enter(request: IncomingMessage, address: string): Promise<Refusal | null> {
      const early = byRequest(request) ?? (await byLoad());
      if (early !== null) return early;
      // The place is taken before the rates are awaited, or a hundred at once would all find the last one free.
      const refusal = byCapacity(address);
      if (refusal !== null) return refusal;
      // Those who are in when everybody is sent away are sent away once.
      const limited = (await byRate(address)) ?? (refusing() ? GOING_AWAY : null);
      if (limited !== null) places.leave(address);
      return limited;
    },
    /** Gives a place back, once for each that was taken. */
    leave: (address: string) => places.leave(address),
  };
}
