/** That a visitor was seen in a room. */
export interface Visit {
  readonly roomId: string;
  readonly visitorId: string;
  /** How long ago, in milliseconds, at the time of the call. */
  readonly ageMs: number;
}

/**
 * Remembers recent visits durably, so that the ranking survives the loss of what counts them. It may lag by a
 * second, and for a visitor who stays by a sixth of the window. Times are on the store's own clock.
 *
 * Every call throws `CodedError('UNAVAILABLE')` when the store does not answer before `signal` aborts.
 */
export interface VisitJournal {
  /** Raises the time of these visits, never lowers it; repeats do nothing. */
  record(visits: readonly Visit[], signal: AbortSignal): Promise<void>;
  /** The visits younger than `maxAgeMs`, in batches of at most 1,000, in any order. */
  recent(maxAgeMs: number, signal: AbortSignal): AsyncIterable<readonly Visit[]>;
}
