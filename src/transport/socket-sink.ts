import type { ExecutionResult, GraphQLError } from 'graphql';
import type { Sink } from '../graphql/shared/sink.js';
import { toLatin1, type Framing } from './frames.js';
import { isWritable, onceWritable, writeBytes, type Connection } from './connection.js';

/** Header of a frame of the usual size, and the brace that ends its message, in bytes. */
const FRAME_OVERHEAD = 5;

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };
/** graphql-ws ends an operation by `return`. */
const neverThrown = async (error: unknown): Promise<never> => {
  throw error;
};

/**
 * The sink of one subscription on a socket. It writes `next` messages itself, around a payload that is already
 * text, and leaves the rest of the protocol to graphql-ws: `lifecycle` is the result that graphql-ws waits for.
 * It yields nothing and ends when the subscription does. There are many, so it makes few functions.
 *
 * @param id - the client's id of the subscription.
 * @param framing - shared by all sinks, so that what is alike is made once.
 * @param onSent - hears how many bytes were handed to the socket.
 */
export function createSocketSink(
  connection: Connection,
  id: string,
  framing: Framing,
  onSent: (bytes: number) => void,
) {
  const prefix = toLatin1(`{"id":${JSON.stringify(id)},"type":"next","payload":`);
  const overhead = prefix.length + FRAME_OVERHEAD;
  let leave: (() => void) | null = null;
  let ended = false;
  let failure: GraphQLError | null = null;
  let resolve: ((result: IteratorReturnResult<undefined>) => void) | null = null;
  let reject: ((error: GraphQLError) => void) | null = null;

  const lifecycle: AsyncGenerator<ExecutionResult, undefined, undefined> = {
    [Symbol.asyncIterator]: () => lifecycle,
    next: () =>
      new Promise((resolveNext, rejectNext) => {
        if (failure !== null) return rejectNext(failure);
        if (ended) return resolveNext(DONE);
        resolve = resolveNext;
        reject = rejectNext;
      }),
    return() {
      ended = true;
      resolve?.(DONE);
      resolve = null;
      leave?.();
      leave = null;
      return Promise.resolve(DONE);
    },
    throw: neverThrown,
  };

  const sink: Sink = {
    overhead,
    writable: () => !ended && isWritable(connection),
    deliver(payloads) {
      const frames = framing(payloads, prefix);
      writeBytes(connection, frames);
      onSent(frames.length);
    },
    onceWritable: (listener) => onceWritable(connection, listener),
    fail(error) {
      ended = true;
      failure = error;
      reject?.(error);
      reject = null;
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
