/** A room as the newest snapshot has it. */
export interface Standing {
  readonly roomId: string;
  readonly recentVisitorCount: number;
  readonly onlineCount: number;
  /** Number of the newest message, 0 when there is none; null when it is not known: ask the log. */
  readonly messageCount: number | null;
}

/** What became of the first rooms of the list between two events. */
export interface RankingChange {
  readonly cursor: string;
  readonly complete: boolean;
  /** New in the watched list, or changed. */
  readonly standings: readonly Standing[];
  /** The whole watched list; null when the order is unchanged. */
  readonly order: readonly string[] | null;
}

/** What decides about a room's place. */
export interface Rankable {
  readonly roomId: string;
  readonly recentVisitorCount: number;
  /** Unix time of its newest message, or of its creation, in whole seconds. */
  readonly activeSecond: number;
}

/** The rule: more visitors first, then the later activity, then the higher identifier (ASCII, by bytes). */
export function compareRooms(a: Rankable, b: Rankable): number {
  if (a.recentVisitorCount !== b.recentVisitorCount) return b.recentVisitorCount - a.recentVisitorCount;
  if (a.activeSecond !== b.activeSecond) return b.activeSecond - a.activeSecond;
  if (a.roomId === b.roomId) return 0;
  return a.roomId < b.roomId ? 1 : -1;
}

/** Whether a client would see a difference. Two messages of one second do not move a room, but change it. */
export const sameStanding = (a: Standing, b: Standing): boolean =>
  a === b ||
  (a.roomId === b.roomId &&
    a.recentVisitorCount === b.recentVisitorCount &&
    a.onlineCount === b.onlineCount &&
    a.messageCount === b.messageCount);

/** What changed between two lists: applying `standings`, then `order`, to the first gives the second. Null: nothing. */
export function changeBetween(
  before: readonly Standing[],
  after: readonly Standing[],
): Pick<RankingChange, 'standings' | 'order'> | null {
  const known = new Map(before.map((standing) => [standing.roomId, standing]));
  const standings = after.filter((standing) => {
    const old = known.get(standing.roomId);
    return old === undefined || !sameStanding(old, standing);
  });
  const sameOrder =
    before.length === after.length &&
    after.every((standing, place) => before[place]?.roomId === standing.roomId);
  if (sameOrder && standings.length === 0) return null;
  return { standings, order: sameOrder ? null : after.map((standing) => standing.roomId) };
}
