import type { GraphQLError } from 'graphql';

/** One result of a subscription, ready to be sent. */
export interface Payload {
  /** The execution result as JSON. */
  readonly text: string;
  /** Length of `text` in UTF-8, in bytes. */
  readonly bytes: number;
  /** `text` in UTF-8 with one character per byte, for who writes frames of its own. */
  readonly latin1: string;
  /** To be called when it was handed to a connection; the first time is measured. */
  sent(): void;
}

/**
 * Where the results of one subscriber go. It keeps no queue: while it is not writable its subscriber simply
 * stays where it is, and reads on from there later.
 */
export interface Sink {
  /** Bytes that are sent with each payload: what addresses it to this subscriber. */
  readonly overhead: number;
  /** False after a write that filled the connection, until it drained. Sinks on one connection agree. */
  writable(): boolean;
  /**
   * Sends these results now, in this order, in one write. Called only while `writable()`. Subscribers that
   * receive the same are given the same array, which never changes.
   */
  deliver(payloads: readonly Payload[]): void;
  /** Calls `listener` once when the sink is writable again; never in the turn of this call. */
  onceWritable(listener: () => void): void;
  /** Ends the subscription with an error. Nothing is delivered after it. */
  fail(error: GraphQLError): void;
}
