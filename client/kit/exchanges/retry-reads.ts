import type { Exchange, Operation } from '@urql/core';
import { filter, makeSubject, merge, pipe, tap } from 'wonka';
import { createBackoff, type Backoff } from '../backoff.js';
import { systemEnvironment, type Environment } from '../environment.js';
import { remedyFor, toRequestError } from '../request-error.js';

/**
 * Runs a query again, after a growing wait, when the server says that it could not answer now (`UNAVAILABLE` and its
 * like): until then it is loading. Mutations are left to the hand.
 */
export function retryReads(environment: Environment = systemEnvironment): Exchange {
  return ({ forward }) =>
    (operations$) => {
      const again = makeSubject<Operation>();
      const waiting = new Map<number, { backoff: Backoff; cancel: () => void }>();

      function forget(key: number): void {
        waiting.get(key)?.cancel();
        waiting.delete(key);
      }

      return pipe(
        merge([
          pipe(
            operations$,
            tap(({ kind, key }) => {
              if (kind === 'teardown') forget(key);
            }),
          ),
          again.source,
        ]),
        forward,
        filter(({ operation, error }) => {
          const { key, kind } = operation;
          const problem = error === undefined ? null : toRequestError(error);
          if (kind !== 'query' || problem === null || remedyFor(problem) !== 'again') {
            forget(key);
            return true;
          }
          const backoff = waiting.get(key)?.backoff ?? createBackoff(environment);
          const wait = backoff.next(problem.retryAfterMs);
          waiting.set(key, { backoff, cancel: environment.after(wait, () => again.next(operation)) });
          return false;
        }),
      );
    };
}
