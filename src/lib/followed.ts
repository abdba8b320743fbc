/**
 * What a subscription reads from: an append-only list of events, each at a position. A subscriber is a cursor
 * into it (a position), never a queue: it asks for what comes after its position when it is able to write.
 */
export interface Followed<Position extends string | number, Event> {
  /**
   * Where a new subscriber stands.
   *
   * @param after - the client's cursor; null: behind everything that exists when this call was made.
   * @throws CodedError `BAD_CURSOR`, `CURSOR_EXPIRED` or `UNAVAILABLE`.
   */
  begin(after: string | null, signal: AbortSignal): Promise<Position>;
  /**
   * The events that follow `position`, at most `limit`, oldest first; empty when there are none yet. Answers
   * in the same turn whenever they are in memory, so that a caller that is up to date never waits.
   *
   * @throws CodedError `UNAVAILABLE` (try again later) or `CURSOR_EXPIRED` (the subscription ends).
   */
  read(
    position: Position,
    options: ReadOptions,
  ): readonly Delivery<Position, Event>[] | Promise<readonly Delivery<Position, Event>[]>;
  /**
   * Calls `listener` each time that there may be more to read, in the turn in which it became so. Returns a
   * function that ends it; ending twice does nothing.
   */
  onAdvance(listener: () => void): () => void;
  /** Gives the source back; the last one out lets it go idle. Twice does nothing. */
  close(): void;
}

export interface ReadOptions {
  readonly limit: number;
  /** Whether the subscriber has not yet caught up for the first time: the events say so. */
  readonly replayed: boolean;
  /**
   * Whether this read may skip ahead when too much was missed: true for the first read of a subscriber and for
   * the first one after its stalled socket drained, else false.
   */
  readonly mayJump: boolean;
}

/** One event for one subscriber. */
export interface Delivery<Position extends string | number, Event> {
  /** Equal identities of one source mean equal events: they are executed once and shared. */
  readonly identity: string;
  readonly event: Event;
  /** Where a subscriber stands that has handled this event. */
  readonly position: Position;
}
