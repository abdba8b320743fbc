import type { GraphQLError } from 'graphql';

/** One result of a subscription, ready to be sent. Many are kept, so it has no functions of its own. */
export interface Payload {
  /** What it is the result of. */
  readonly event: unknown;
  /** The execution result as JSON. */
  readonly text: string;
  /** Length of `text` in UTF-8, in bytes. */
  readonly bytes: number;
  /** See `latin1Of`. */
  latin1: string | null;
  /** Whether it was handed to a connection. */
  sent: boolean;
}

/**
 * The text of a payload in UTF-8 with one character per byte, for who writes frames of its own: only they need it,
 * and then for each subscriber.
 */
export function latin1Of(payload: Payload): string {
  const { text, bytes } = payload;
  // Most texts have one byte per character as they are.
  payload.latin1 ??= bytes === text.length ? text : Buffer.from(text).toString('latin1');
  return payload.latin1;
}

/**
 * Where the results of one subscriber go. It keeps no queue: while it is not writable its subscriber simply
 * stays where it is, and reads on from there later. There are many, so what they do is done by their outlet.
 */
export interface Sink {
  readonly outlet: Outlet<Sink>;
  /** Bytes that are sent with each payload: what addresses it to this subscriber. */
  readonly overhead: number;
}

/** What the sinks of one transport do: one for all of them. */
export interface Outlet<S extends Sink> {
  /** False after a write that filled the connection, until it drained. Sinks on one connection agree. */
  writable(sink: S): boolean;
  /**
   * Sends these results now, in this order, in one write. Called only while `writable`. Subscribers that
   * receive the same are given the same array, which never changes.
   */
  deliver(sink: S, payloads: readonly Payload[]): void;
  /** Calls `listener` once when the sink is writable again; never in the turn of this call. */
  onceWritable(sink: S, listener: () => void): void;
  /** Ends the subscription with an error. Nothing is delivered after it. */
  fail(sink: S, error: GraphQLError): void;
}
