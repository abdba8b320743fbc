import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Services } from '../context.js';
import type { ApiProfile } from '../graphql/document.js';
import type { Operations } from '../graphql/operation.js';
import type { Clock } from '../lib/clock.js';
import { openAnything, watchDescriptors } from '../lib/descriptors.js';
import type { Ids } from '../lib/ids.js';
import type { Logger } from '../lib/logger.js';
import type { Metrics } from '../lib/metrics.js';
import type { Overload } from '../lib/overload.js';
import { firstLine, StartError } from '../lib/start-error.js';
import { createCallers, type Identify } from './caller.js';
import { createDrain, type DrainOptions } from './drain.js';
import { createHttpServer } from './http-server.js';
import { createRequestHandler, type Health } from './http.js';
import { createPlaces } from './places.js';
import { pathOf } from './request-target.js';
import { watchSilent } from './silent.js';
import { createStreamKeeper } from './stream-keeper.js';
import { createUnanswered } from './unanswered.js';
import { createUnread } from './unread.js';
import { offersWebSocket, passOver } from './upgrade-offer.js';
import { createWebSockets } from './websocket.js';

/** Connections that wait to be accepted, as in a storm of reconnects. */
const BACKLOG = 4096;

export interface TransportOptions {
  readonly operations: Operations;
  readonly services: Services;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** A host's server, which it opens and closes itself; by default one is made. */
  readonly server?: Server | undefined;
  /** A host's own idea of who is calling; by default visitors bring tokens. */
  readonly identify?: Identify | undefined;
  /** Empty, or a path that begins with a slash and ends without one. */
  readonly basePath: string;
  readonly apiProfile: ApiProfile;
  readonly allowedOrigins: readonly string[] | null;
  readonly trustProxyHops: number;
  readonly maxSockets: number;
  readonly maxSocketsPerAddress: number;
  readonly maxOperationsPerSocket: number;
  /** How large the heap may become. */
  readonly heapBytes: number;
  /** Where the built web client lies. */
  readonly clientFolder: string;
  readonly health: () => Health;
  readonly overload: Pick<Overload, 'active' | 'admit'>;
}

/** HTTP, server-sent events and WebSocket, on one server. */
export function createTransport(options: TransportOptions) {
  const { basePath, clock, log, services } = options;
  const ownsServer = options.server === undefined;
  const server = options.server ?? createHttpServer();
  const callers = createCallers({ ...options, visitors: services.visitors });
  const path = `${basePath}/graphql`;
  const places = createPlaces(options);
  const unread = createUnread(options.heapBytes);
  const refusing = (): boolean => drain.refusing();
  const streamKeeper = createStreamKeeper({ clock, places, refusing });
  let watched: ReturnType<typeof watchDescriptors> | undefined;
  const sockets = createWebSockets({
    ...options,
    callers,
    limits: services.limits,
    places,
    unread,
    path,
    refusing,
  });
  const { connections } = sockets;
  const { streams } = streamKeeper;
  // Those of a host's server are its own affair.
  const silent = ownsServer ? watchSilent(server) : new Set<Socket>();
  const drain = createDrain({ clock, log, server, ownsServer, connections, silent, streams });
  const handler = createRequestHandler({
    ...options,
    callers,
    limits: services.limits,
    streamKeeper,
    unread,
    draining: () => drain.draining(),
  });

  const unanswered = createUnanswered();
  if (ownsServer) {
    // What is answered before it is a request of ours: it waits behind the others as they do.
    server.on('checkExpectation', unanswered.admits);
    // A request is closed once its answer was taken: nobody reads it before.
    server.on('dropRequest', (request) => unanswered.admits(request, request));
  }

  function onRequest(request: IncomingMessage, response: ServerResponse): void {
    if (!ownsServer && !handler.isOurs(request)) return;
    if (unanswered.admits(request, response)) void handler.handle(request, response);
  }

  function onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (!ownsServer) {
      // At a host's other addresses it is for who else listens; without anybody it would be kept for ever.
      if (pathOf(request) !== path && server.listenerCount('upgrade') > 1) return;
      if (!offersWebSocket(request)) return passOver(server, request, socket, head);
    }
    // Node tells of it at once: it would be answered before those that came before it, and they among its frames.
    if (unanswered.owes(request.socket)) socket.destroy();
    else void sockets.upgrade(request, socket, head);
  }

  return {
    server,

    /** Begins to answer on the server, which may not listen yet. */
    start(): void {
      server.on('request', onRequest);
      server.on('upgrade', onUpgrade);
      sockets.start();
      streamKeeper.start();
    },

    /**
     * Opens our own server and resolves with its port.
     *
     * @throws StartError that names the setting.
     */
    listen(port: number, host: string): Promise<number> {
      return new Promise((resolve, reject) => {
        const failed = (error: Error & { code?: string }) => {
          const taken = `PORT ${port} on ${host} is in use. Choose another, or 0 for a free one`;
          const message = error.code === 'EADDRINUSE' ? taken : `HOST and PORT: ${firstLine(error)}`;
          reject(new StartError(message, { cause: error }));
        };
        server.once('error', failed);
        server.listen({ port, host, backlog: BACKLOG }, () => {
          server.off('error', failed);
          watched = watchDescriptors({ clock, log, open: openAnything });
          // Without a listener, a connection that cannot be accepted would end the process.
          server.on('error', (error) => watched?.failed(error));
          const address: AddressInfo | string | null = server.address();
          resolve(address !== null && typeof address === 'object' ? address.port : port);
        });
      });
    },

    /** Ends every connection, spread over a window; see `createDrain`. */
    drain: (drainOptions: DrainOptions): Promise<void> => drain.drain(drainOptions),

    /** Undoes `start`, after the connections have ended or when there were none. */
    stop(): void {
      watched?.stop();
      sockets.stop();
      streamKeeper.stop();
      server.off('request', onRequest);
      server.off('upgrade', onUpgrade);
    },
  };
}
