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
  | 'upgradePerInstance'
  | 'framePerSocket';

/** Counts what callers do, over all instances where that is possible; never waits for a store that hangs. */
export interface RateLimits {
  /**
   * Takes `points` from the caller's budget. What is refused uses nothing up that others share, so ask for one
   * limit after the other, the narrowest first, and stop at the first refusal.
   *
   * @returns null when allowed, else how long to wait before it would be, in milliseconds. Never rejects.
   */
  consume(limit: RateLimit, key: string, points?: number): Promise<number | null>;
}
