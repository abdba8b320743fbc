import type { ExecutionResult, GraphQLError } from 'graphql';
import type { Sink } from '../graphql/shared/sink.js';
import { frameHeader, toLatin1 } from './frames.js';
import type { Connection } from './connection.js';

/** Header of a frame of the usual size, and the brace that ends its message, in bytes. */
const FRAME_OVERHEAD = 5;

/**
 * The sink of one subscription on a socket. It writes `next` messages itself, around a payload that is already
 * text, and leaves the rest of the protocol to graphql-ws: `lifecycle` is the result that graphql-ws waits for.
 * It yields nothing and ends when the subscription does.
 *
 * @param id - the client's id of the subscription.
 * @param onSent - hears how many bytes were handed to the socket.
 */
export function createSocketSink(connection: Connection, id: string, onSent: (bytes: number) => void) {
  const prefix = toLatin1(`{"id":${JSON.stringify(id)},"type":"next","payload":`);
  const overhead = prefix.length + FRAME_OVERHEAD;
  let leave: (() => void) | null = null;
  let ended = false;
  let settle: { resolve: () => void; reject: (error: GraphQLError) => void } | null = null;
  let failure: GraphQLError | null = null;

  function end(): void {
    ended = true;
    settle?.resolve();
    settle = null;
    leave?.();
    leave = null;
  }

  const done: IteratorReturnResult<undefined> = { done: true, value: undefined };
  const lifecycle: AsyncGenerator<ExecutionResult, undefined, undefined> = {
    [Symbol.asyncIterator]: () => lifecycle,
    next: () =>
      new Promise((resolve, reject) => {
        if (failure !== null) reject(failure);
        else if (ended) resolve(done);
        else settle = { resolve: () => resolve(done), reject };
      }),
    async return() {
      end();
      return done;
    },
    async throw(error: unknown) {
      end();
      throw error;
    },
  };

  const sink: Sink = {
    overhead,
    writable: () => !ended && connection.writable(),
    deliver(payloads) {
      let frames = '';
      for (const { latin1 } of payloads) {
        frames += `${frameHeader(prefix.length + latin1.length + 1)}${prefix}${latin1}}`;
      }
      connection.write(frames);
      onSent(frames.length);
    },
    onceWritable: (listener) => connection.onceWritable(listener),
    fail(error) {
      ended = true;
      failure = error;
      settle?.reject(error);
      settle = null;
    },
  };

  return {
    sink,
    lifecycle,
    /** Tells how to leave the subscription; called once when it ends, whatever ends it. */
    joined(leaveSubscription: () => void): void {
      if (ended) leaveSubscription();
      else leave = leaveSubscription;
    },
  };
}
