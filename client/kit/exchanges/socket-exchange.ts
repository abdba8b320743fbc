import { subscriptionExchange, type Exchange } from '@urql/core';
import { toRequestError } from '../request-error.js';
import type { Socket } from '../socket.js';

/** Names the function, in an operation's context, that gives the cursor to resume behind. */
export const RESUME_AFTER = 'resumeAfter';

/**
 * Sends every operation over the kit's socket, as one visitor; it is the last exchange.
 *
 * A subscription whose context has a function under `RESUME_AFTER` gets what that gives as its variable `after`, asked
 * anew at each reconnect: it resumes behind its newest cursor.
 */
export function socketExchange(socket: Pick<Socket, 'client'>): Exchange {
  return subscriptionExchange({
    enableAllOperations: true,
    forwardSubscription: ({ query = '', variables }, operation) => {
      const after: unknown = operation.context[RESUME_AFTER];
      return {
        subscribe: (sink) => {
          const payload = {
            query,
            // Read anew at each reconnect.
            get variables() {
              return typeof after === 'function' ? { ...variables, after: after() as unknown } : variables;
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
  });
}
