import type { Followed } from '../lib/followed.js';

/** A room as the newest snapshot has it. */
export interface Standing {
  readonly roomId: string;
  readonly recentVisitorCount: number;
  readonly onlineCount: number;
  /** Number of the newest message; 0 when there is none. */
  readonly messageCount: number;
}

export interface RankingPage {
  /** In order, with the cursor of each. The order is pinned, the standings are those of the newest snapshot. */
  readonly entries: readonly { readonly cursor: string; readonly standing: Standing }[];
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
  readonly totalCount: number;
  readonly resumeCursor: string;
}

export interface RankingChange {
  readonly cursor: string;
  readonly complete: boolean;
  /** New in the watched list, or changed. */
  readonly standings: readonly Standing[];
  /** The whole watched list; null when the order is unchanged. */
  readonly order: readonly string[] | null;
}

/** The list of rooms by recent visitors: taken at intervals, served from memory, followed by its changes. */
export interface RankingService {
  /** @throws CodedError `BAD_CURSOR`, `CURSOR_EXPIRED`, `UNAVAILABLE`. */
  page(first: number, after: string | null, signal: AbortSignal): Promise<RankingPage>;
  /** A source of changes of the first `first` rooms; positions name revisions. Give it back with `close`. */
  follow(first: number): Followed<string, RankingChange>;
  /** The standing of a room in the newest snapshot, if it is in its pinned part. */
  standing(roomId: string): Standing | undefined;
  stop(): Promise<void>;
}
