import { createServer, IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { COMMON_HEADERS } from './security-headers.js';
import { offersWebSocket } from './upgrade-offer.js';

const HEADERS_TIMEOUT_MS = 5000;
const REQUEST_TIMEOUT_MS = 10_000;
/** How often the two above are looked at: without it a dripping client lives for 30 s. */
const CHECKING_INTERVAL_MS = 1000;
const KEEP_ALIVE_MS = 65_000;
/**
 * An answer of which nothing is taken for so long is given up, or twice as long: Node first sees what the kernel has
 * taken of it. Without, Node would keep it, and its connection, for ever.
 */
const STALLED_MS = 60_000;
const MAX_HEADER_BYTES = 16_384;
const MAX_REQUESTS_PER_SOCKET = 1000;
/** What a stalled socket may hold in our memory. Node 22 and newer would take 64 KiB. */
const BUFFER_BYTES = 16_384;

const EXPECTATION_FAILED = 417;

const TIMED_OUT = 'ERR_HTTP_REQUEST_TIMEOUT';
const STATUS_OF: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  [TIMED_OUT]: '408 Request Timeout',
};

/**
 * A request whose offer of another protocol than WebSocket is passed over, as HTTP lets a server do. Node would take
 * each of those for a socket, and its body for frames.
 */
class Request extends IncomingMessage {
  /** Set by the constructor of the base: an initial value here would come after it. */
  declare private offered: unknown;

  set upgrade(offered: unknown) {
    this.offered = offered;
  }

  get upgrade(): boolean {
    if (this.offered !== true) return false;
    return this.method === 'CONNECT' || offersWebSocket(this);
  }
}

/** A plain HTTP server that does not wait for clients that drip, and answers what it cannot read. */
export function createHttpServer(): Server {
  const server = createServer({
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionsCheckingInterval: CHECKING_INTERVAL_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
    highWaterMark: BUFFER_BYTES,
    // Node's own refusal lacks our headers (http.ts has one).
    requireHostHeader: false,
    IncomingMessage: Request,
  });
  server.maxRequestsPerSocket = MAX_REQUESTS_PER_SOCKET;
  server.timeout = STALLED_MS;
  server.on('checkExpectation', (_request, response) =>
    response.writeHead(EXPECTATION_FAILED, COMMON_HEADERS).end(),
  );
  server.on('clientError', (error: Error & { code?: string }, socket: Socket) => {
    if (!socket.writable) {
      socket.destroy();
      return;
    }
    const status = STATUS_OF[error.code ?? ''] ?? '400 Bad Request';
    const headers = 'Connection: close\r\nContent-Length: 0\r\nX-Content-Type-Options: nosniff';
    socket.end(`HTTP/1.1 ${status}\r\n${headers}\r\n\r\n`);
    // Whoever drips would go on, and is never idle. What the kernel has room for was written at once.
    if (error.code === TIMED_OUT) socket.destroy();
  });
  return server;
}
