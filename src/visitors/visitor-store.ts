/** A visitor that has written something. */
export interface VisitorRecord {
  readonly id: string;
  readonly createdAt: Date;
  /** The name the visitor chose, or null while it goes by the one made from its id. */
  readonly displayName: string | null;
}

/** Every call throws `CodedError('UNAVAILABLE')` when the store does not answer before `signal` aborts. */
export interface VisitorStore {
  /** Stores the visitor if it is not there yet; leaves an existing one as it is. Repeats do nothing. */
  ensure(visitor: VisitorRecord, signal: AbortSignal): Promise<void>;
  /** Stores the visitor, or gives the existing one this `displayName`. Repeats do nothing. */
  rename(visitor: VisitorRecord & { readonly displayName: string }, signal: AbortSignal): Promise<void>;
  /** Visitors by identifier, in any order; those never stored are left out. At most 200. */
  byIds(ids: readonly string[], signal: AbortSignal): Promise<readonly VisitorRecord[]>;
}
