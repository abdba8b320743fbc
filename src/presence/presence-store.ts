/**
 * Rules of presence (PRES-*). A visitor counts in a room from when it is seen until the window has passed, and
 * is online while an instance holds a subscription of it. All times are absolute, in milliseconds on the
 * store's own clock, so that repeating a command changes nothing and the clock of an instance does not matter.
 */

/** A visitor was seen in a room. */
export interface Touch {
  /** `join` and `leave` count as a visit, too. */
  readonly kind: 'visit' | 'join' | 'leave';
  /** Identifiers hold no white space. */
  readonly roomId: string;
  readonly visitorId: string;
  /** When; later than the store's now counts as now. */
  readonly at: number;
}

/** What a room is known to have reached. */
export interface Raise {
  readonly roomId: string;
  /** Number of its newest message, 0 for none. */
  readonly number: number;
  /** When that message was accepted, or the room created; later than the store's now counts as now. */
  readonly at: number;
}

/** A room with its numbers. */
export interface RankedRoom {
  readonly roomId: string;
  readonly recentVisitorCount: number;
  readonly onlineCount: number;
  readonly messageCount: number;
}

/** The order of the first rooms at one moment. Never changes. */
export interface Snapshot {
  readonly epoch: string;
  /** 1, 2, 3 … within its epoch. */
  readonly revision: number;
  /** The first `PINNED_ROOMS` rooms by visitors, latest activity (in seconds), identifier descending by bytes. */
  readonly rooms: readonly RankedRoom[];
  /** How many rooms there are, those below included. */
  readonly total: number;
}

/** Every answer carries the store's clock. */
interface Answer {
  /** The store's now, in milliseconds. */
  readonly now: number;
  /** Changes when the store forgot, or may have: who was online is then unknown to it. */
  readonly epoch: string;
}

export interface Touched extends Answer {
  /** Joins that arrived over `LATE_JOIN_MS` late and counted as visits only, by their index. */
  readonly late: readonly number[];
}

export interface Counted extends Answer {
  /** False while the store is being filled again: the counts are not to be shown. */
  readonly loaded: boolean;
  /** Whether more visits have expired than one call takes away: call again before believing the counts. */
  readonly more: boolean;
  /** One for each room asked for; zeros for an unknown one. */
  readonly rooms: ReadonlyMap<string, RankedRoom>;
}

interface Ticked extends Answer {
  /** The newest one, 0 before the first. */
  readonly revision: number;
  /** The snapshot, when this call took it. */
  readonly taken: Snapshot | null;
  /** When to call again, in milliseconds from now. */
  readonly waitMs: number;
}

/** What one instance must do for all: fill an empty store, or add again what may have been missed. */
export interface Duty {
  readonly kind: 'load' | 'heal';
  /** Everything that happened before was told, on the store's clock; null: nothing is known to have been. */
  readonly healedAt: number | null;
}

export interface Beat extends Answer {
  readonly loaded: boolean;
  readonly duty: Duty | null;
}

/** Rooms whose order a snapshot holds. */
export const PINNED_ROOMS = 1000;
/** Longest batch of a command: no command may hold the store up. */
export const MAX_STORE_BATCH = 200;
/** Expired entries that one command takes away. */
export const SWEEP_SLICE = 500;
/** How long an online member of an instance that fell silent stays. */
export const ONLINE_MS = 75_000;
/** A join that arrives later than this may have been left meanwhile. */
export const LATE_JOIN_MS = 5000;
/** How long a snapshot is kept after the next one was taken. */
export const SNAPSHOT_MS = 120_000;
/** Who loads must show that it is alive this often. */
export const LOADING_MS = 3000;
/** How often one of the instances heals. */
export const HEAL_MS = 60_000;
/** After a load sooner: what was seen in the second before the store forgot was not durable yet when it was loaded. */
export const FIRST_HEAL_MS = 5000;

/**
 * Counts who is where. Expired entries are taken away in order of time, at most `SWEEP_SLICE` of each kind per
 * call, before a call does anything else. Every call rejects, after half a second at most, when the store is
 * away: whether it took place is then unknown, and it may be repeated.
 */
export interface PresenceStore {
  /**
   * At most `MAX_STORE_BATCH`. Times only rise; a leave ends only what the same instance joined. An instance
   * has one call with joins or leaves under way; one that failed, and takes place behind a later one, counts as visits.
   */
  touch(instance: string, touches: readonly Touch[]): Promise<Touched>;
  /** At most `MAX_STORE_BATCH`. Lists the rooms that are new; numbers and times only rise. */
  raise(raises: readonly Raise[]): Promise<Answer>;
  /** At most `MAX_STORE_BATCH` rooms. */
  counts(roomIds: readonly string[]): Promise<Counted>;
  /**
   * Takes a snapshot if the store is loaded, something changed, nothing expired is left, the caller knows the
   * newest one, and that is an interval old. Any number of instances may call it at any time.
   */
  tick(epoch: string, revision: number): Promise<Ticked>;
  /** Null when it is gone, or never was. */
  snapshot(epoch: string, revision: number): Promise<Snapshot | null>;
  /**
   * Says that the instance lives, and gives it a duty that nobody else has. A store whose epoch is `over`, since another
   * one was told what came after it, begins a new one; one of a single process never is.
   */
  beat(instance: string, over?: string): Promise<Beat>;
  /** Keeps the duty to load for another `LOADING_MS`; false when it is not this instance's any more. */
  loading(instance: string, epoch: string): Promise<boolean>;
  /**
   * A duty that was begun at `startedAt`, on the store's clock, is fulfilled. False when the store forgot
   * meanwhile, or, for `load`, the duty is not this instance's any more; then nothing changes.
   */
  fulfilled(instance: string, epoch: string, duty: Duty['kind'], startedAt: number): Promise<boolean>;
}
