import { Socket } from 'node:net';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { CloseCode, GRAPHQL_TRANSPORT_WS_PROTOCOL, MessageType } from 'graphql-ws';
import { WebSocketServer, type ServerOptions } from 'ws';
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
import { clientMessage } from './client-message.js';
import { ClosingSocket } from './closing-socket.js';
import { answerPing, closeConnection, createConnection, isOpen, type Connection } from './connection.js';
import { createFrameCount } from './frame-count.js';
import { framedLength } from './frames.js';
import { createOperationTurns } from './operation-turns.js';
import type { Places } from './places.js';
import type { Unread } from './unread.js';
import { createSocketKeeper } from './socket-keeper.js';
import { createSocketProtocol } from './socket-protocol.js';
import { createUpgradeGate, refuseUpgrade, type UpgradeResult } from './upgrade-gate.js';

const MAX_FRAME_BYTES = 65_536;
/** A close that is not answered ends with the socket. */
const CLOSE_TIMEOUT_MS = 3000;
/** Stands for the payload of a `subscribe` in what graphql-ws reads and keeps for as long as the operation runs. */
const ELSEWHERE = { query: '' };
const CLOSE_TRY_AGAIN = 1013;
/** Refusals come by the thousand: one of each kind is told so often, in milliseconds. */
const REFUSAL_TOLD_MS = 1000;

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
  autoPong: false,
  handleProtocols: () => GRAPHQL_TRANSPORT_WS_PROTOCOL,
};

/**
 * Sockets: a thin layer over ws that hands messages to graphql-ws. Nothing that a client sends ends more than
 * its own socket, and none is closed for reading its events slowly.
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
  readonly places: Places;
  readonly unread: Unread;
  readonly maxOperationsPerSocket: number;
  readonly refusing: () => boolean;
  readonly overload: Pick<Overload, 'admit'>;
}) {
  const { callers, clock, ids, limits, log, metrics } = options;
  const connections = new Set<Connection>();
  const refusalToldAt = new Map<UpgradeResult, number>();
  const gate = createUpgradeGate(options);
  const keeper = createSocketKeeper({ clock });
  const protocol = createSocketProtocol({
    ...options,
    maxOperations: options.maxOperationsPerSocket,
    onIdentity: (connection, token) => keeper.holds(connection, token),
  });

  const inTurn = createOperationTurns({
    begin(connection, turn) {
      const message = { id: turn.id, type: MessageType.Subscribe, payload: ELSEWHERE };
      return protocol.handle(connection, JSON.stringify(message), turn);
    },
    end: protocol.end,
    handle: (connection, text) => protocol.handle(connection, text, null),
    onInUse: (connection, id) =>
      closeConnection(connection, CloseCode.SubscriberAlreadyExists, `Subscriber for ${id} already exists`),
    onFailed: failed,
  });

  /** A failure of ours while a message was handled: only the handshake has any. */
  function failed(connection: Connection, error: unknown): void {
    if (error instanceof CodedError) {
      const code = error.code === 'UNAUTHENTICATED' ? CloseCode.Forbidden : CLOSE_TRY_AGAIN;
      return closeConnection(connection, code, error.message);
    }
    log.error({ err: error, connection: connection.id }, 'A socket failed unexpectedly');
    closeConnection(connection, CLOSE_TRY_AGAIN, 'Try again');
  }

  const count = createFrameCount({
    limits,
    clock,
    onTooMany(connection) {
      metrics.rateLimitRejected.inc({ limit: 'framePerSocket' });
      closeConnection(connection, CLOSE_TRY_AGAIN, 'Too many frames');
    },
  });

  function heard(connection: Connection): void {
    connection.alive = true;
    count(connection);
  }

  function receive(connection: Connection, data: unknown, isBinary: boolean): void {
    heard(connection);
    if (!isOpen(connection)) return;
    const text = isBinary || !Buffer.isBuffer(data) ? '' : data.toString();
    const message = clientMessage(text);
    metrics.wsFramesIn.inc({ type: message?.type ?? 'invalid' });
    if (message === null)
      return closeConnection(connection, CloseCode.BadRequest, 'Invalid message received');
    inTurn(connection, message, text);
  }

  function ended(connection: Connection, code: number, reason: string): void {
    const { id, address, openedAt } = connection;
    connections.delete(connection);
    keeper.remove(connection);
    gate.leave(address);
    metrics.wsConnections.dec();
    metrics.wsCloses.inc({ code: closeCode(code) });
    const told = {
      connection: id,
      code,
      durationMs: Math.round(clock.monotonic() - openedAt),
      operations: connection.operationsSeen,
      bytesIn: connection.socket.bytesRead,
      bytesOut: connection.socket.bytesWritten,
      address: truncateAddress(address),
    };
    log.info(told, 'A socket ended');
    protocol
      .closed(connection, code, reason)
      .catch((error: unknown) => log.error({ err: error }, 'A socket ended badly'));
  }

  function refused(result: UpgradeResult, address: string): void {
    metrics.wsConnects.inc({ result });
    const now = clock.monotonic();
    if (now - (refusalToldAt.get(result) ?? Number.NEGATIVE_INFINITY) < REFUSAL_TOLD_MS) return;
    refusalToldAt.set(result, now);
    log.info({ result, address: truncateAddress(address) }, 'An upgrade was refused');
  }

  const closeCode = (code: number): string => (CLOSE_CODES.includes(String(code)) ? String(code) : 'other');

  /** One socket. Listeners would be several functions and a list of them for each, so its events are taken as they come. */
  class ChatSocket extends ClosingSocket {
    connection: Connection | null = null;

    override send(text: string): void {
      metrics.wsOutboundBytes.inc(framedLength(Buffer.byteLength(text)));
      super.send(text);
    }

    override emit(event: string | symbol, ...args: readonly unknown[]): boolean {
      const { connection } = this;
      if (connection === null) return super.emit(event, ...args);
      const [first, second] = args;
      switch (event) {
        case 'message':
          receive(connection, first, second === true);
          return true;
        case 'ping':
          heard(connection);
          if (Buffer.isBuffer(first)) answerPing(connection, first);
          return true;
        case 'pong':
          // The answer to our own ping is not counted: a count would be kept for each socket that does nothing.
          if (connection.alive) heard(connection);
          connection.alive = true;
          return true;
        case 'error':
          // ws closes the socket with the right code by itself.
          log.debug({ err: first, connection: connection.id }, 'A socket broke');
          return true;
        case 'close':
          ended(connection, this.codeOfEnd(Number(first)), String(second));
          return super.emit(event, ...args);
        default:
          return super.emit(event, ...args);
      }
    }
  }
  const server = new WebSocketServer({ ...SOCKET_OPTIONS, WebSocket: ChatSocket });
  // Without a listener ws answers by itself, without our headers.
  server.on('wsClientError', ({ message }, socket, request) => {
    refused('protocol', callers.address(request));
    const status = request.method === 'GET' ? 400 : 405;
    refuseUpgrade(socket, { result: 'protocol', status, message: `${message}.` });
  });

  function opened(ws: ChatSocket, socket: Socket, request: IncomingMessage, address: string): void {
    const openedAt = Math.floor(clock.monotonic());
    const connection = createConnection({ id: ids.random64(), ws, socket, request, address, openedAt });
    ws.connection = connection;
    connections.add(connection);
    metrics.wsConnections.inc();
    keeper.add(connection);
  }

  return {
    connections,
    start: () => keeper.start(),
    stop: () => keeper.stop(),

    /** Handles an upgrade of any path. Never throws or rejects. */
    async upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
      const destroy = (): void => void socket.destroy();
      socket.on('error', destroy);
      const address = callers.address(request);
      const refusal = await gate.enter(request, address);
      if (refusal !== null) {
        refused(refusal.result, address);
        return refuseUpgrade(socket, refusal);
      }
      const leave = (): void => gate.leave(address);
      if (socket.destroyed || !(socket instanceof Socket)) {
        leave();
        socket.destroy();
        return;
      }
      socket.once('close', leave);
      server.handleUpgrade(request, socket, head, (ws) => {
        // From here on ws listens; what is kept here would keep the request.
        socket.off('close', leave);
        socket.off('error', destroy);
        metrics.wsConnects.inc({ result: 'accepted' });
        opened(ws, socket, request, address);
      });
    },
  };
}
