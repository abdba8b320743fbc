/** The highest that `MAX_ROOM_NAME_LENGTH` may be: no room that was ever made has more Unicode code points in its name. */
export const LONGEST_ROOM_NAME = 200;

/** One room as it is stored. */
export interface RoomRecord {
  /** UUID v7. */
  readonly id: string;
  /** As it was given: trimmed, in NFC. */
  readonly name: string;
  readonly createdAt: Date;
}

/** What the ranking needs to know of a room to list it. */
export interface RoomActivity {
  readonly id: string;
  readonly createdAt: Date;
  /** Highest message number known to the room's record. Lags behind the log; 0 when there is none. */
  readonly head: number;
  /** When the newest known message was accepted, or the room created. Lags too. */
  readonly activeAt: Date;
}

/** A place in the list of rooms by creation, newest first; rooms of one millisecond descend by id, by bytes. */
export interface RoomPlace {
  readonly createdAt: Date;
  readonly id: string;
}

/** A room, with the visitor that made it. */
export interface CreatedRoom extends RoomRecord {
  readonly creatorId: string;
}

/** Every call throws `CodedError('UNAVAILABLE')` when the store does not answer before `signal` aborts. */
export interface RoomStore {
  /**
   * Stores a room unless another one has the same `nameKey`, then gives that one, with who made it. Repeating it
   * with the same room gives `taken` with that room itself.
   */
  create(
    room: CreatedRoom & { readonly nameKey: string },
    signal: AbortSignal,
  ): Promise<{ readonly taken: CreatedRoom | null }>;
  /** Rooms by identifier, in any order; unknown ones are left out. At most 200. */
  byIds(ids: readonly string[], signal: AbortSignal): Promise<readonly RoomRecord[]>;
  /** The room with this key of its name, or null. */
  byNameKey(nameKey: string, signal: AbortSignal): Promise<RoomRecord | null>;
  /** Up to `limit` rooms created before `place` (null: from the newest), newest first, without those in `except` (at most 1,000 ids). */
  older(
    place: RoomPlace | null,
    limit: number,
    except: ReadonlySet<string>,
    signal: AbortSignal,
  ): Promise<readonly RoomRecord[]>;
  /** Raises `head` and `activeAt` of these rooms, never lowers them; repeats do nothing. Unknown rooms are passed over. */
  raise(rooms: readonly { id: string; head: number; activeAt: Date }[], signal: AbortSignal): Promise<void>;
  /** All rooms, or those created at `since` or later, in batches of at most 1,000, in any order. */
  activities(since: Date | null, signal: AbortSignal): AsyncIterable<readonly RoomActivity[]>;
}
