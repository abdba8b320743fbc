/** What is limited. The key is a visitor's id, an address (IPv6 by /64) or a room's id, as the name says. */
export type RateLimit =
  | 'sendPerVisitor'
  | 'sendPerAddress'
  | 'sendPerRoom'
  | 'createRoomPerVisitor'
  | 'createVisitorPerAddress'
  | 'queryPerCaller'
  | 'refusedPerCaller'
  | 'connectPerAddress'
  | 'upgradePerInstance';

/** So many points in each window of so many seconds. */
export interface Window {
  readonly points: number;
  readonly seconds: number;
}

/** One budget among several: of a limit that all instances count together. */
export interface Budget {
  readonly limit: Exclude<RateLimit, 'upgradePerInstance'>;
  readonly key: string;
}

/** Counts what callers do, over all instances where that is possible; never waits for a store that hangs. */
export interface RateLimits {
  /** Frames of one socket, counted by who holds it: a count lives as long as its socket. Null: any number. */
  readonly framesPerSocket: Window | null;
  /**
   * Takes `points` from the caller's budget.
   *
   * @returns null when allowed, else how long to wait before it would be, in milliseconds. Never rejects.
   */
  consume(limit: RateLimit, key: string, points?: number): Promise<number | null>;
  /**
   * Takes a point from each of several budgets, one after the other, up to the first that refuses: those behind it
   * are not touched. What is refused uses nothing up that others share, so name the narrowest first. With Redis it
   * is one round trip.
   *
   * @returns as `consume` does.
   */
  consumeAll(budgets: readonly Budget[]): Promise<number | null>;
}
