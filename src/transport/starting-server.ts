import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { codedGraphQLError } from '../graphql/errors.js';
import type { Clock } from '../lib/clock.js';
import { refuse } from './front.js';
import { createHttpServer } from './http-server.js';
import { corsHeaders } from './origins.js';
import { pathOf } from './request-target.js';
import { COMMON_HEADER_LINES, COMMON_HEADERS } from './security-headers.js';

/** A start that takes no longer leaves the port closed: who is refused there asks another instance at once. */
const PATIENCE_MS = 2000;
const RETRY_AFTER_MS = 1000;

const HEADERS = {
  ...COMMON_HEADERS,
  'content-type': 'application/json; charset=utf-8',
  'cache-control': 'no-store',
};

/**
 * Answers on the port of a server whose start takes long, since it waits for its store: `/livez` is 200, `/readyz` 503,
 * all else `UNAVAILABLE`.
 *
 * @param port - 0: nobody would know which one is picked, so none is opened.
 * @param basePath - as the server has it.
 * @returns how to give the port back, for the server itself; twice is fine.
 */
export function answerWhileStarting({
  host,
  port,
  basePath,
  allowedOrigins,
  clock,
}: {
  readonly host: string;
  readonly port: number;
  readonly basePath: string;
  readonly allowedOrigins: readonly string[] | null;
  readonly clock: Clock;
}): () => Promise<void> {
  let server: Server | null = null;

  function putOff(request: IncomingMessage, response: ServerResponse): void {
    const headers = [...COMMON_HEADER_LINES, ...corsHeaders(request, allowedOrigins)];
    // The page of another origin reads no answer whose preflight was refused.
    if (request.method === 'OPTIONS') return void response.writeHead(204, headers).end();
    const error = codedGraphQLError('UNAVAILABLE', 'The server is starting. Try again.', RETRY_AFTER_MS);
    refuse(response, error, headers);
  }

  function open(): void {
    server = createHttpServer();
    server.on('request', (request, response) => {
      const path = pathOf(request);
      if (path === `${basePath}/livez`) {
        response.writeHead(200, HEADERS).end('{"status":"live"}\n');
      } else if (path === `${basePath}/readyz`) {
        response.writeHead(503, HEADERS).end('{"status":"starting","store":"unavailable"}\n');
      } else {
        putOff(request, response);
      }
    });
    // Who has the port is said by the server itself, when it opens it.
    server.on('error', () => undefined);
    server.listen({ host, port });
  }

  const cancel = port === 0 ? () => undefined : clock.after(PATIENCE_MS, open);

  return () => {
    cancel();
    const opened = server;
    server = null;
    if (opened === null) return Promise.resolve();
    opened.closeAllConnections();
    return new Promise((resolve) => opened.close(() => resolve()));
  };
}
