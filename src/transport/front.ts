import type { IncomingMessage, ServerResponse } from 'node:http';
import { GraphQLError } from 'graphql';
import {
  MAX_BODY_BYTES,
  contentTypeProblem,
  notAcceptable,
  requestOfBody,
  tooLarge,
} from './graphql-request.js';
import { ANY_JSON, negotiate, toHttpAnswer, type HttpAnswer } from './graphql-response.js';
import type { HttpOperations } from './http-operation.js';

/** The body as it came; rejects with 413 above `MAX_BODY_BYTES`, and when the client goes away. */
function readBody(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_BODY_BYTES) reject(tooLarge());
      else chunks.push(chunk);
    });
    request.on('end', () => {
      const [first, second] = chunks;
      resolve(first === undefined || second !== undefined ? Buffer.concat(chunks) : first);
    });
    request.on('error', reject);
    request.on('close', () => {
      if (!request.complete) reject(new Error('The client went away.'));
    });
  });
}

/** Of a body that is refused so much is read and dropped, as a balancer sends it: twice what is accepted. */
const MAX_DROPPED_BYTES = 2 * MAX_BODY_BYTES;

function write(
  response: ServerResponse,
  { status, headers, body }: HttpAnswer,
  before: readonly string[],
): void {
  if (response.headersSent || response.destroyed) return;
  const lines = [...before, 'content-length', String(Buffer.byteLength(body)), 'cache-control', 'no-store'];
  for (const name in headers) lines.push(name, headers[name] ?? '');
  // The rest of a large body that is refused is not waited for. A connection that ends before its body may take the
  // answer along, and whoever stands between takes this server for dead: so not for what is hardly too large.
  const { complete, headers: asked, method } = response.req;
  const isLarge = Number(asked['content-length'] ?? Infinity) > MAX_DROPPED_BYTES;
  const isLeft = !complete && method === 'POST' && isLarge;
  if (isLeft && !before.includes('connection')) lines.push('connection', 'close');
  response.writeHead(status, lines);
  // As text it goes out together with the headers, in one write.
  response.end(body);
}

/** Answers with an error that came before any operation. For `before` see `createFront`. */
export const refuse = (response: ServerResponse, error: GraphQLError, before: readonly string[]): void =>
  write(
    response,
    toHttpAnswer({ errors: [error] }, negotiate(response.req.headers.accept) ?? ANY_JSON),
    before,
  );

/**
 * `POST` with a JSON body and a JSON answer, the way of most operations, without the cost of a general server:
 * the same `prepare` and `execute` as everywhere.
 *
 * Its `before`: headers that every answer has when it is written, names and values in turn. None may have been set on
 * the response.
 */
export function createFront(http: HttpOperations) {
  return async (
    request: IncomingMessage,
    response: ServerResponse,
    before: () => readonly string[],
  ): Promise<void> => {
    try {
      const { headers } = request;
      const problem = contentTypeProblem(headers['content-type'], headers['content-encoding']);
      if (problem !== null) throw problem;
      const negotiated = negotiate(headers.accept);
      if (negotiated === null) throw notAcceptable();
      if (Number(headers['content-length'] ?? 0) > MAX_BODY_BYTES) throw tooLarge();
      const params = requestOfBody(await readBody(request));
      const answer = toHttpAnswer(await http.run(request, params), negotiated);
      write(response, answer, before());
    } catch (error) {
      if (!(error instanceof GraphQLError)) response.destroy();
      else refuse(response, error, before());
    }
  };
}
