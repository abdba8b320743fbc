import { setTimeout as pause } from 'node:timers/promises';
import { ApolloLink, Observable } from '@apollo/client';
import { print, type FormattedExecutionResult } from 'graphql';
import { createClient, type Client } from 'graphql-ws';
import { WebSocket } from 'ws';

export const connect = (url: string, tokenOf: () => string | undefined): Client =>
  createClient({
    url: url.replace(/^http/, 'ws'),
    webSocketImpl: WebSocket,
    connectionParams: () => ({ token: tokenOf() }),
    retryAttempts: Infinity,
    shouldRetry: () => true,
    retryWait: (retries) => pause(Math.random() * Math.min(30_000, 500 * 2 ** retries)),
  });

/** Each connection reads the variables again: behind the cursor of the last event. */
export const resumingLink = (socket: Client): ApolloLink =>
  new ApolloLink(
    (operation) =>
      new Observable((sink) => {
        const variables = { ...operation.variables };
        const next = (result: FormattedExecutionResult<{ event: { cursor: string } }>) => {
          variables['after'] = result.data?.event.cursor ?? variables['after'];
          sink.next(result);
        };
        const end = { error: (error: unknown) => sink.error(error), complete: () => sink.complete() };
        return socket.subscribe({ query: print(operation.query), variables }, { next, ...end } as never);
      }),
  );
