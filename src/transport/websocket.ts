import { Socket } from 'node:net';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { CloseCode, GRAPHQL_TRANSPORT_WS_PROTOCOL, type WebSocket as ProtocolSocket } from 'graphql-ws';
import { WebSocketServer, type RawData, type ServerOptions, type WebSocket } from 'ws';
import type { Operations } from '../graphql/operation.js';
import type { RateLimits } from '../limits/rate-limits.js';
import { truncateAddress } from '../lib/address.js';
import type { Clock } from '../lib/clock.js';
import { CodedError } from '../lib/coded-error.js';
import type { Ids } from '../lib/ids.js';
import type { Logger } from '../lib/logger.js';
import { CLOSE_CODES, type Metrics } from '../lib/metrics.js';
import type { Overload } from '../lib/overload.js';
import type { Callers } from './caller.js';
import { createConnection, type Connection } from './connection.js';
import { createOperationTurns, type ClientMessage } from './operation-turns.js';
import { createSocketKeeper } from './socket-keeper.js';
import { createSocketProtocol } from './socket-protocol.js';
import { createUpgradeGate, refuseUpgrade } from './upgrade-gate.js';

const MAX_FRAME_BYTES = 65_536;
/** A close that is not answered ends with the socket. */
const CLOSE_TIMEOUT_MS = 3000;
const CLIENT_MESSAGES = new Set(['connection_init', 'subscribe', 'complete', 'ping', 'pong']);
const CLOSE_TRY_AGAIN = 1013;

/** `maxFragments` and its siblings are newer than the type definitions. */
const SOCKET_OPTIONS: ServerOptions & Record<string, unknown> = {
  noServer: true,
  clientTracking: false,
  maxPayload: MAX_FRAME_BYTES,
  perMessageDeflate: false,
  maxFragments: 16,
  maxBufferedChunks: 1024,
  closeTimeout: CLOSE_TIMEOUT_MS,
  skipUTF8Validation: false,
  handleProtocols: () => GRAPHQL_TRANSPORT_WS_PROTOCOL,
};

/** A message, or null for what no client may send. */
function parseMessage(text: string): ClientMessage | null {
  try {
    const message: unknown = JSON.parse(text);
    if (typeof message !== 'object' || message === null || !('type' in message)) return null;
    const { type } = message;
    if (typeof type !== 'string' || !CLIENT_MESSAGES.has(type)) return null;
    return 'id' in message ? { type, id: message.id } : { type };
  } catch {
    return null;
  }
}

/** Made apart from where the request is known, so that a socket's listener does not keep the request. */
const destroyOnError = (socket: Duplex): void => void socket.on('error', () => socket.destroy());

/**
 * Sockets: a thin layer over ws that hands messages to graphql-ws. Nothing that a client sends ends more than
 * its own socket, and nothing closes a socket for being slow.
 */
export function createWebSockets(options: {
  readonly operations: Operations;
  readonly callers: Callers;
  readonly limits: RateLimits;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly path: string;
  readonly allowedOrigins: readonly string[] | null;
  readonly maxSockets: number;
  readonly maxSocketsPerAddress: number;
  readonly maxOperationsPerSocket: number;
  readonly refusing: () => boolean;
  readonly overload: Pick<Overload, 'retryAfterMs'>;
}) {
  const { callers, clock, ids, limits, log, metrics } = options;
  const server = new WebSocketServer(SOCKET_OPTIONS);
  const connections = new Set<Connection>();
  const gate = createUpgradeGate(options);
  const keeper = createSocketKeeper({ clock });
  const protocol = createSocketProtocol({
    ...options,
    maxOperations: options.maxOperationsPerSocket,
    onIdentity: (connection, token) => keeper.holds(connection, token),
  });

  /** What graphql-ws sees of a socket. */
  function protocolSocket(
    connection: Connection,
    onMessage: (handle: (text: string) => Promise<void>) => void,
  ) {
    const socket: ProtocolSocket = {
      protocol: connection.ws.protocol,
      send: (text) => {
        if (connection.writable()) return connection.send([text]);
        if (!connection.isOpen()) return undefined;
        return new Promise((resolve) => {
          connection.onceWritable(() => resolve(connection.send([text])));
        });
      },
      close: (code = 1000, reason = '') => connection.close(code, reason),
      onMessage,
    };
    return socket;
  }

  /** A failure of ours while a message was handled: only the handshake has any. */
  function failed(connection: Connection, error: unknown): void {
    if (error instanceof CodedError) {
      const code = error.code === 'UNAUTHENTICATED' ? CloseCode.Forbidden : CLOSE_TRY_AGAIN;
      return connection.close(code, error.message);
    }
    log.error({ err: error, connection: connection.id }, 'A socket failed unexpectedly');
    connection.close(CLOSE_TRY_AGAIN, 'Try again');
  }

  /** Counts a frame; a socket that sends too many is closed. */
  async function count(connection: Connection): Promise<void> {
    const wait = await limits.consume('framePerSocket', connection.id);
    if (wait !== null) connection.close(CLOSE_TRY_AGAIN, 'Too many frames');
  }

  function receive(
    connection: Connection,
    data: RawData,
    isBinary: boolean,
    handle: (message: ClientMessage, text: string) => Promise<void>,
  ) {
    connection.alive = true;
    if (!connection.isOpen()) return;
    void count(connection);
    const text = isBinary || !Buffer.isBuffer(data) ? '' : data.toString();
    const message = parseMessage(text);
    metrics.wsFramesIn.inc({ type: message?.type ?? 'invalid' });
    if (message === null) return connection.close(CloseCode.BadRequest, 'Invalid message received');
    handle(message, text).catch((error: unknown) => failed(connection, error));
  }

  const closeCode = (code: number): string => (CLOSE_CODES.includes(String(code)) ? String(code) : 'other');

  function opened(ws: WebSocket, socket: Socket, request: IncomingMessage, leave: () => void): void {
    const address = callers.address(request);
    const openedAt = clock.monotonic();
    const connection = createConnection({ id: ids.uuid(), ws, socket, request, address, openedAt });
    connections.add(connection);
    metrics.wsConnections.inc();
    const forget = keeper.add(connection);
    let handle: (text: string) => Promise<void> = async () => undefined;
    const closed = protocol.opened(
      protocolSocket(connection, (given) => (handle = given)),
      { connection },
    );
    const inTurn = createOperationTurns(
      (text) => handle(text),
      (id) => connection.close(CloseCode.SubscriberAlreadyExists, `Subscriber for ${id} already exists`),
    );
    ws.on('message', (data, isBinary) => receive(connection, data, isBinary, inTurn));
    const onControlFrame = (): void => {
      connection.alive = true;
      void count(connection);
    };
    ws.on('pong', onControlFrame);
    ws.on('ping', onControlFrame);
    // ws closes the socket with the right code by itself.
    ws.on('error', (error) => log.debug({ err: error, connection: connection.id }, 'A socket broke'));
    ws.once('close', (code, reason) => {
      connections.delete(connection);
      forget();
      leave();
      metrics.wsConnections.dec();
      metrics.wsCloses.inc({ code: closeCode(code) });
      const ended = {
        connection: connection.id,
        code,
        durationMs: Math.round(clock.monotonic() - openedAt),
        operations: connection.operationsSeen,
        address: truncateAddress(address),
      };
      log.info(ended, 'A socket ended');
      closed(code, String(reason)).catch((error: unknown) =>
        log.error({ err: error }, 'A socket ended badly'),
      );
    });
  }

  return {
    connections,
    start: () => keeper.start(),
    stop: () => keeper.stop(),

    /** Handles an upgrade of any path. Never throws or rejects. */
    async upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
      destroyOnError(socket);
      const entered = await gate.enter(request, callers.address(request));
      if (!('leave' in entered)) {
        metrics.wsConnects.inc({ result: entered.result });
        return refuseUpgrade(socket, entered);
      }
      if (socket.destroyed || !(socket instanceof Socket)) {
        entered.leave();
        socket.destroy();
        return;
      }
      socket.once('close', entered.leave);
      server.handleUpgrade(request, socket, head, (ws) => {
        socket.off('close', entered.leave);
        metrics.wsConnects.inc({ result: 'accepted' });
        opened(ws, socket, request, entered.leave);
      });
    },
  };
}
