import { setTimeout as pause } from 'node:timers/promises';
import { createClient } from 'graphql-ws';
import { Environment, Network, Observable, RecordSource, Store } from 'relay-runtime';
import type { FetchFunction, GraphQLResponse, SubscribeFunction } from 'relay-runtime';
import { WebSocket } from 'ws';

const url = `${process.env['MADANG_URL'] ?? 'http://localhost:8000'}/graphql`;
let token: string | undefined;
export const signIn = (given: string): void => void (token = given);

export const socket = createClient({
  url: url.replace(/^http/, 'ws'),
  webSocketImpl: WebSocket,
  connectionParams: () => ({ token }),
  retryAttempts: Infinity,
  shouldRetry: () => true,
  retryWait: (retries) => pause(Math.random() * Math.min(30_000, 500 * 2 ** retries)),
});

/** Repeats a request while the connection fails; each message has a key of its own. */
const send: FetchFunction = async ({ text: query }, variables) => {
  const headers = new Headers({ 'content-type': 'application/json' });
  if (token !== undefined) headers.set('authorization', `Bearer ${token}`);
  for (;;) {
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers,
        body: JSON.stringify({ query, variables }),
      });
      return (await response.json()) as GraphQLResponse;
    } catch {
      await pause(300 + 300 * Math.random());
    }
  }
};

/** Each connection reads the variables again: behind the cursor of the last event. */
const subscribe: SubscribeFunction = ({ text }, given) =>
  Observable.create((sink) => {
    const variables: Record<string, unknown> = { ...given };
    return socket.subscribe<{ event: { cursor: string } }>(
      { query: text ?? '', variables },
      {
        next(result) {
          variables['after'] = result.data?.event.cursor ?? variables['after'];
          sink.next(result as GraphQLResponse);
        },
        error: (error) => sink.error(error as Error),
        complete: () => sink.complete(),
      },
    );
  });

export const environment = new Environment({
  network: Network.create(send, subscribe),
  store: new Store(new RecordSource()),
});
