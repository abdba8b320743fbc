import type { Client } from 'graphql-ws';
import { RequestError } from './request-error.js';

/** The client, but that nothing is subscribed once the connection is closed for good: that would open one again. */
export const closable = (client: Client, isClosed: () => boolean): Client => ({
  ...client,
  subscribe(payload, sink) {
    if (!isClosed()) return client.subscribe(payload, sink);
    sink.error(new RequestError('CLOSED', 'The connection was closed for good.'));
    return () => {};
  },
});
