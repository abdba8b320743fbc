import type { TypedDocumentNode } from '@urql/core';
import type { RequestError } from './request-error.js';

/** Variables of an operation, by name. */
export type AnyVariables = Record<string, unknown>;

/** Where the events of a subscription go. */
export interface Sink<Event> {
  next(event: Event): void;
  /** The subscription is over: the server refused or ended it with an error. */
  error(error: RequestError): void;
  /** The subscription is over: nothing can ever follow. */
  complete(): void;
}

/** What the kit needs of a GraphQL client. `createSocket` is one; any other can be wrapped. */
export interface Connection {
  /**
   * Runs a query, or a mutation that may be repeated; waits for the connection, and runs it again when the
   * connection ends before the answer.
   *
   * @throws RequestError when the answer holds an error.
   */
  readonly execute: <Data, Variables extends AnyVariables>(
    document: TypedDocumentNode<Data, Variables>,
    variables: Variables,
  ) => Promise<Data>;
  /**
   * Opens a subscription and, after each reconnect, opens it again with what `variables` gives then. The
   * returned function ends it; nothing reaches the sink after that.
   */
  readonly subscribe: <Data, Variables extends AnyVariables>(
    document: TypedDocumentNode<Data, Variables>,
    variables: () => Variables,
    sink: Sink<Data>,
  ) => () => void;
}
