/** How many visitors a room has. */
export interface RoomCounts {
  /** Distinct visitors seen during the window. */
  readonly recentVisitorCount: number;
  /** Distinct visitors with an open subscription. */
  readonly onlineCount: number;
}

/** Who is where. None of these fails because the presence store is away: counts are then the last known, else 0. */
export interface PresenceService {
  /** A visitor's subscription of a room began. The returned function ends it; twice does nothing. */
  join(roomId: string, visitorId: string): () => void;
  /** Counts the visitor as seen now. Resolves when counted, or when it is clear that it will be counted later. */
  visit(roomId: string, visitorId: string): Promise<void>;
  /** A room was created: it is listed within one interval. Its creator is counted by `visit`. */
  roomCreated(roomId: string, createdAt: Date): Promise<void>;
  /** The counts of these rooms (at most 200), now. */
  counts(roomIds: readonly string[]): Promise<ReadonlyMap<string, RoomCounts>>;
  /** A message of the room was released by this instance: raises its activity. Never waits. */
  activity(roomId: string, number: number, at: Date): void;
  stop(): Promise<void>;
}
