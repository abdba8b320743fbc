import type { GraphQLError } from 'graphql';
import type { Outlet, Sink } from '../graphql/shared/sink.js';
import { isWritable, onceWritable, writeBytes, type Connection, type Turn } from './connection.js';
import { createFraming, toLatin1 } from './frames.js';

/** Header of a frame of the usual size, and the brace that ends its message, in bytes. */
const FRAME_OVERHEAD = 5;

/** Where the results of one subscription on a socket go. */
export interface SocketSink extends Sink {
  readonly connection: Connection;
  readonly turn: Turn;
  /** Of the message around each payload, one character per byte; one brace ends it. */
  readonly prefix: string;
}

/**
 * Makes the sinks of subscriptions on sockets. They write `next` messages themselves, around a payload that is
 * already text.
 *
 * @param onSent - hears how many bytes were handed to a socket.
 * @param onFailed - ends a subscription with an error.
 */
export function createSocketSinks({
  onSent,
  onFailed,
}: {
  onSent: (bytes: number) => void;
  onFailed: (sink: SocketSink, error: GraphQLError) => void;
}) {
  const framing = createFraming();
  const outlet: Outlet<SocketSink> = {
    writable: ({ connection }) => isWritable(connection),
    deliver({ connection, prefix }, payloads) {
      const frames = framing(payloads, prefix);
      writeBytes(connection, frames);
      onSent(frames.length);
    },
    onceWritable: ({ connection }, listener) => onceWritable(connection, listener),
    fail: onFailed,
  };
  return (connection: Connection, turn: Turn): SocketSink => {
    const prefix = toLatin1(`{"id":${JSON.stringify(turn.id)},"type":"next","payload":`);
    return { outlet, overhead: prefix.length + FRAME_OVERHEAD, connection, turn, prefix };
  };
}
