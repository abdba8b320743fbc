import { createYoga } from 'graphql-yoga';
import type { Operations } from '../graphql/operation.js';
import type { Ids } from '../lib/ids.js';
import type { Logger } from '../lib/logger.js';
import { MAX_BODY_BYTES } from './graphql-request.js';
import type { HttpOperations } from './http-operation.js';
import { createErrorMask, useCodedErrors } from './plugins/use-coded-errors.js';
import { useJsonRequests } from './plugins/use-json-requests.js';
import { useOperations, type NodeContext } from './plugins/use-operations.js';
import type { StreamKeeper } from './stream-keeper.js';
import type { Unread } from './unread.js';

/** Yoga, for GET, server-sent events and everything unusual. It knows HTTP; operations are ours. */
export function createYogaHandler(options: {
  readonly operations: Operations;
  readonly http: HttpOperations;
  readonly streamKeeper: StreamKeeper;
  readonly unread: Unread;
  readonly path: string;
  readonly log: Logger;
  readonly ids: Ids;
}) {
  const { log } = options;
  return createYoga<NodeContext>({
    schema: options.operations.schema,
    graphqlEndpoint: options.path,
    maxRequestBodySize: MAX_BODY_BYTES,
    maskedErrors: { maskError: createErrorMask(options) },
    batching: false,
    multipart: false,
    // These are the edge's own, for all addresses alike (http.ts).
    cors: false,
    graphiql: false,
    landingPage: false,
    logging: {
      debug: () => undefined,
      info: () => undefined,
      warn: (...args) => log.warn({ args }, 'Yoga warns'),
      // What fails is logged once, where it is masked.
      error: () => undefined,
    },
    plugins: [
      // Before anything is read: which requests are read, and how.
      useJsonRequests(),
      // Then who asks, what, and its answer.
      useOperations(options),
      // Last, how the answer is written.
      useCodedErrors(),
    ],
  });
}
