import type { IncomingMessage, ServerResponse } from 'node:http';
import { printSchema } from 'graphql';
import type { ApiProfile } from '../graphql/document.js';
import { codedGraphQLError } from '../graphql/errors.js';
import type { Operations } from '../graphql/operation.js';
import type { Clock } from '../lib/clock.js';
import type { Ids } from '../lib/ids.js';
import type { Logger } from '../lib/logger.js';
import type { Overload } from '../lib/overload.js';
import type { RateLimits } from '../limits/rate-limits.js';
import type { Callers } from './caller.js';
import { createClientFiles } from './client-files.js';
import { createFront, refuse } from './front.js';
import { badRequest } from './graphql-request.js';
import { wantsEvents, wantsPage } from './graphql-response.js';
import { createGraphiql } from './graphiql.js';
import { createHttpOperations } from './http-operation.js';
import { corsHeaders } from './origins.js';
import { pathOf, toOriginForm } from './request-target.js';
import { COMMON_HEADER_LINES } from './security-headers.js';
import type { StreamKeeper } from './stream-keeper.js';
import type { Unread } from './unread.js';
import { createYogaHandler } from './yoga.js';

/** How the server is: `ready` decides the status of `/readyz`, `details` are told with it. */
export interface Health {
  readonly ready: boolean;
  readonly details: Readonly<Record<string, string>>;
}

const HOST = /^(\[[0-9a-f:.]+\]|[a-z0-9._~-]+)(?::(\d{1,5}))?$/i;
const MAX_PORT = 65_535;
const HOST_NAME = 'host';

/** Whether there is one `Host`, and it can be put into an address; other software would fail on it later, with a 500. */
function isHost({ headers: { host }, rawHeaders, httpVersion }: IncomingMessage): boolean {
  // Node keeps the first of several; whatever lies in front may go by the last.
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at];
    if (name?.length === HOST_NAME.length && name.toLowerCase() === HOST_NAME) hosts += 1;
  }
  if (hosts > 1 || (hosts === 0 && httpVersion === '1.1')) return false;
  if (host === undefined) return true;
  const match = HOST.exec(host);
  return match !== null && Number(match[2] ?? 0) <= MAX_PORT;
}

const LINES_WHEN_DRAINING: readonly string[] = [...COMMON_HEADER_LINES, 'connection', 'close'];

function setHeaders(response: ServerResponse, headers: readonly string[]): void {
  for (let index = 0; index + 1 < headers.length; index += 2) {
    response.setHeader(headers[index] ?? '', headers[index + 1] ?? '');
  }
}

function answerText(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': `${type}; charset=utf-8`, 'cache-control': 'no-store' });
  response.end(response.req.method === 'HEAD' ? undefined : body);
}

/**
 * What each address of the server answers. The path is read by hand: there are targets that `new URL` throws
 * on.
 *
 * @param basePath - empty, or a path that begins with a slash and ends without one.
 */
export function createRequestHandler(options: {
  readonly operations: Operations;
  readonly callers: Callers;
  readonly limits: RateLimits;
  readonly clock: Clock;
  readonly log: Logger;
  readonly ids: Ids;
  readonly apiProfile: ApiProfile;
  readonly basePath: string;
  readonly allowedOrigins: readonly string[] | null;
  readonly clientFolder: string;
  readonly health: () => Health;
  readonly draining: () => boolean;
  readonly overload: Pick<Overload, 'active' | 'admit'>;
  readonly streamKeeper: StreamKeeper;
  readonly unread: Unread;
}) {
  const { basePath, allowedOrigins, callers, log, operations, apiProfile, unread } = options;
  const http = createHttpOperations(options);
  const front = createFront(http);
  const yoga = createYogaHandler({ ...options, http, path: `${basePath}/graphql` });
  const graphiql = createGraphiql();
  const client = createClientFiles({ folder: options.clientFolder, prefix: `${basePath}/client` });
  const sdl = apiProfile === 'public' ? `${printSchema(operations.schema)}\n` : null;

  const always = (): readonly string[] => (options.draining() ? LINES_WHEN_DRAINING : COMMON_HEADER_LINES);

  async function graphql(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method, headers } = request;
    const cors = corsHeaders(request, allowedOrigins);
    const before = (): readonly string[] => (cors.length === 0 ? always() : [...always(), ...cors]);
    const isNewcomer = headers.authorization === undefined && method !== 'OPTIONS';
    const wait = isNewcomer ? await options.overload.admit() : null;
    // Who went away while it waited is not served.
    if (response.destroyed) return;
    if (wait !== null) {
      const words = 'The server is too busy for newcomers. Try again.';
      return refuse(response, codedGraphQLError('OVERLOADED', words, wait), before());
    }
    if (method === 'POST' && !wantsEvents(headers.accept)) {
      await front(request, response, before);
      return unread.look(response, () => callers.address(request));
    }
    setHeaders(response, before());
    if (method === 'OPTIONS') {
      response.writeHead(204, { allow: 'GET, POST, OPTIONS' }).end();
    } else if (method === 'GET' && apiProfile === 'public' && wantsPage(headers.accept)) {
      await graphiql(request, response);
    } else if (method === 'POST' || method === 'GET') {
      response.setHeader('cache-control', 'no-store');
      await yoga(request, response);
    } else {
      refuse(response, badRequest('Send a GET or a POST.', 405, { allow: 'GET, POST, OPTIONS' }), []);
    }
  }

  function readyz(response: ServerResponse): void {
    const { ready, details } = options.health();
    const able = options.overload.active() ? 'overloaded' : ready ? 'ready' : 'unavailable';
    const status = options.draining() ? 'draining' : able;
    const body = JSON.stringify({ status, ...details });
    answerText(response, status === 'ready' ? 200 : 503, 'application/json', `${body}\n`);
  }

  /** What answers at a path, or null where there is nothing. */
  function answerAt(
    path: string,
  ): ((request: IncomingMessage, response: ServerResponse) => void | Promise<void>) | null {
    if (path === '' || path === '/') {
      return (_request, response) => void response.writeHead(302, { location: `${basePath}/client` }).end();
    }
    if (path === '/livez') {
      return (_request, response) => answerText(response, 200, 'application/json', '{"status":"live"}\n');
    }
    if (path === '/readyz') return (_request, response) => readyz(response);
    if (path === '/schema.graphql' && sdl !== null) {
      return (_request, response) => answerText(response, 200, 'text/plain', sdl);
    }
    if (client !== null && (path === '/client' || path.startsWith('/client/'))) {
      return (request, response) => client(request, response, path.slice('/client'.length));
    }
    return null;
  }

  async function route(request: IncomingMessage, response: ServerResponse, path: string | null) {
    const answer = path === null ? null : answerAt(path);
    if (answer === null) return answerText(response, 404, 'text/plain', 'There is nothing here.\n');
    const { method } = request;
    if (method === 'GET' || method === 'HEAD') return answer(request, response);
    response.setHeader('allow', 'GET, HEAD');
    return answerText(response, 405, 'text/plain', 'Only GET is answered here.\n');
  }

  /** The path of a request below `basePath`, or null when it lies outside. */
  function pathBelow(request: IncomingMessage): string | null {
    const path = pathOf(request);
    if (!path.startsWith(basePath)) return null;
    const rest = path.slice(basePath.length);
    return rest === '' || rest.startsWith('/') ? rest : null;
  }

  return {
    /** Whether a request is for this server, where a host has others beside it. */
    isOurs: (request: IncomingMessage): boolean => pathBelow(request) !== null,

    /** Answers a request. Never throws or rejects. */
    async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
      try {
        const path = pathBelow(request);
        toOriginForm(request);
        if (!isHost(request)) {
          return refuse(response, badRequest('The Host header is not a host.'), always());
        }
        if (path === '/graphql') return await graphql(request, response);
        setHeaders(response, always());
        return await route(request, response, path);
      } catch (error) {
        log.error({ err: error }, 'A request failed unexpectedly');
        response.destroy();
        return undefined;
      }
    },
  };
}
