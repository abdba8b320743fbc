import { stringifyDocument, type TypedDocumentNode } from '@urql/core';
import type { Client, FormattedExecutionResult } from 'graphql-ws';
import type { AnyVariables, Connection, Sink } from './connection.js';
import { RequestError, toRequestError } from './request-error.js';

/** Requests over one graphql-ws client, each with one end: an answer, or a `RequestError`. */
export function createRequests(client: Client) {
  /** Each fails one request that must not outlive the connection. */
  const fragile = new Set<() => void>();

  function open<Data>(query: string, variables: () => AnyVariables, sink: Sink<Data>): () => void {
    let over = false;
    const finish = (run: () => void) => {
      if (over) return;
      over = true;
      run();
    };
    const payload = {
      query,
      // graphql-ws reads the payload anew for each try, so a subscription resumes behind its newest cursor.
      get variables() {
        return variables();
      },
    };
    const end = client.subscribe<Data>(payload, {
      next: ({ data, errors }: FormattedExecutionResult<Data>) => {
        if (over) return;
        if (errors === undefined && data != null) return sink.next(data);
        finish(() => sink.error(toRequestError(errors)));
        end();
      },
      error: (cause) => finish(() => sink.error(toRequestError(cause))),
      complete: () => finish(() => sink.complete()),
    });
    return () => {
      over = true;
      end();
    };
  }

  function request<Data, Variables extends AnyVariables>(
    document: TypedDocumentNode<Data, Variables>,
    variables: Variables,
    { once }: { once: boolean },
  ): Promise<Data> {
    return new Promise<Data>((resolve, reject) => {
      const fail = (error: RequestError) => {
        fragile.delete(cut);
        reject(error);
      };
      const cut = () => {
        end();
        fail(new RequestError('DISCONNECTED', 'The connection ended before the answer.'));
      };
      const end = open<Data>(stringifyDocument(document), () => variables, {
        next: (data) => {
          fragile.delete(cut);
          resolve(data);
        },
        error: fail,
        complete: () => fail(new RequestError('CLOSED', 'There was no answer.')),
      });
      if (once) fragile.add(cut);
    });
  }

  const connection: Connection = {
    execute: (document, variables) => request(document, variables, { once: false }),
    subscribe: (document, variables, sink) => open(stringifyDocument(document), variables, sink),
  };

  return {
    ...connection,
    /** As `execute`, but on the present connection alone: `DISCONNECTED` when that ends before the answer. */
    executeOnce: <Data, Variables extends AnyVariables>(
      document: TypedDocumentNode<Data, Variables>,
      variables: Variables,
    ) => request(document, variables, { once: true }),
    /** Tells that the connection has ended. */
    disconnected(): void {
      for (const cut of Array.from(fragile)) cut();
    },
  };
}
