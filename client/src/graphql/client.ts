import type { StorageAdapter } from '@urql/exchange-graphcache';
import { Client, subscriptionExchange } from 'urql';
import { systemEnvironment, toRequestError, type Socket } from '../../kit/index.js';
import { cache } from './cache.js';
import { retryReads } from './retry-reads.js';

/** Names the function, in an operation's context, that gives the cursor to resume behind. */
export const RESUME_AFTER = 'resumeAfter';

/** One client for everything but the messages of rooms: Graphcache over the kit's socket. */
export function createGraphQLClient(url: string, socket: Socket, kept: StorageAdapter): Client {
  return new Client({
    url,
    preferGetMethod: false,
    exchanges: [
      cache(kept),
      retryReads(systemEnvironment),
      subscriptionExchange({
        enableAllOperations: true,
        forwardSubscription: ({ query = '', variables }, operation) => {
          const after: unknown = operation.context[RESUME_AFTER];
          return {
            subscribe: (sink) => {
              const payload = {
                query,
                // Read anew at each reconnect.
                get variables() {
                  return typeof after === 'function'
                    ? { ...variables, after: after() as unknown }
                    : variables;
                },
              };
              const unsubscribe = socket.client.subscribe(payload, {
                next: ({ data = null, errors = [] }) =>
                  sink.next(errors.length === 0 ? { data } : { data, errors }),
                error: (cause) => sink.error(Array.isArray(cause) ? cause : toRequestError(cause)),
                complete: () => sink.complete(),
              });
              return { unsubscribe };
            },
          };
        },
      }),
    ],
  });
}
