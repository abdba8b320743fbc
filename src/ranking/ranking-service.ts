import type { Clock } from '../lib/clock.js';
import { CodedError } from '../lib/coded-error.js';
import type { Followed } from '../lib/followed.js';
import type { Chance } from '../lib/ids.js';
import type { Logger } from '../lib/logger.js';
import { createPatientCounts } from '../presence/patient-counts.js';
import type { PresenceStore, Snapshot } from '../presence/presence-store.js';
import type { PubSub } from '../pubsub/pubsub.js';
import type { RoomPlace, RoomStore } from '../rooms/room-store.js';
import type { RankingChange, Standing } from './rank.js';
import { decodeRankingCursor, encodeRankingCursor, type RankingCursor } from './ranking-cursor.js';
import { createRankingChanges } from './ranking-changes.js';
import { createRankingTicker } from './ranking-ticker.js';
import { createSnapshots } from './snapshots.js';

export interface RankingPage {
  /** In order, with the cursor of each. The order is pinned, the standings are those of the newest snapshot. */
  readonly entries: readonly { readonly cursor: string; readonly standing: Standing }[];
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
  readonly totalCount: number;
  readonly resumeCursor: string;
}

/** The list of rooms by recent visitors: taken at intervals, served from memory, followed by its changes. */
export interface RankingService {
  /** @throws CodedError `BAD_CURSOR`, `CURSOR_EXPIRED`, `UNAVAILABLE`. */
  page(first: number, after: string | null, signal: AbortSignal): Promise<RankingPage>;
  /** A source of changes of the first `first` rooms; positions name revisions. Give it back with `close`. */
  follow(first: number): Followed<string, RankingChange>;
  /** The standing of a room in the newest snapshot, if it is in its pinned part. */
  standing(roomId: string): Standing | undefined;
  /** The same, with when it was learnt, on the monotonic clock in milliseconds. */
  lastKnown(roomId: string): (Standing & { readonly at: number }) | undefined;
  /** The rooms of the pinned part of the newest snapshot. */
  listed(): readonly string[];
  stop(): Promise<void>;
}

/** A room with its place in one order, as the cursor behind it says. */
interface Placed {
  readonly roomId: string;
  readonly cursor: RankingCursor;
}

/**
 * The ranking of one instance, served from the snapshots that it holds. A page's order is that of the snapshot its
 * cursor names; below the pinned rooms all others follow by creation, where nothing moves. Starts ticking at once.
 */
export function createRankingService({
  store,
  rooms,
  pubsub,
  clock,
  chance,
  log,
  intervalMs,
}: {
  readonly store: PresenceStore;
  readonly rooms: RoomStore;
  readonly pubsub: PubSub;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly log: Logger;
  /** How often the ranking is taken, in milliseconds. */
  readonly intervalMs: number;
}): RankingService {
  const snapshots = createSnapshots({ store, clock, log });
  const counts = createPatientCounts({ read: (roomIds) => store.counts(roomIds), clock });
  const changes = createRankingChanges({ snapshots, clock, log, intervalMs });
  const ticker = createRankingTicker({ store, rooms, pubsub, snapshots, clock, chance, log, intervalMs });

  async function pinnedBy(cursor: RankingCursor): Promise<Snapshot> {
    const pinned = snapshots.get(cursor) ?? (await snapshots.fetch(cursor));
    if (pinned === null)
      throw new CodedError('CURSOR_EXPIRED', 'This order is gone: read the first page again.');
    if (cursor.kind === 'resume' || (cursor.kind === 'pinned' && cursor.place >= pinned.rooms.length)) {
      throw new CodedError('BAD_CURSOR', 'This is not a cursor of a listed room.');
    }
    return pinned;
  }

  /** Up to `limit` rooms below the pinned ones, by creation, newest first. */
  async function below(
    { epoch, revision, rooms: pinned }: Snapshot,
    place: RoomPlace | null,
    limit: number,
    signal: AbortSignal,
  ): Promise<Placed[]> {
    const found = await rooms.older(place, limit, new Set(pinned.map((room) => room.roomId)), signal);
    return found.map(({ id, createdAt }) => ({
      roomId: id,
      cursor: { kind: 'below', epoch, revision, createdAt: createdAt.getTime(), roomId: id },
    }));
  }

  /** The rooms as they are now: in the newest snapshot, else as counted, else as they were last known. */
  async function standingsOf(roomIds: readonly string[], pinned: Snapshot): Promise<Map<string, Standing>> {
    const missing = roomIds.filter((roomId) => snapshots.room(roomId) === undefined);
    const counted =
      missing.length === 0
        ? undefined
        : await counts(missing).catch((error: unknown) => {
            log.debug({ err: error }, 'rooms below the newest snapshot are shown as last known');
            return undefined;
          });
    const before = new Map(pinned.rooms.map((room) => [room.roomId, room]));
    const unknown = { recentVisitorCount: 0, onlineCount: 0, messageCount: null };
    return new Map(
      roomIds.map((roomId) => {
        const now = counted?.loaded === true ? counted.rooms.get(roomId) : undefined;
        return [roomId, snapshots.room(roomId) ?? now ?? before.get(roomId) ?? { roomId, ...unknown }];
      }),
    );
  }

  return {
    async page(first, after, signal) {
      const cursor = after === null ? null : decodeRankingCursor(after);
      const pinned = cursor === null ? await snapshots.ready(signal) : await pinnedBy(cursor);
      const { epoch, revision } = pinned;
      const start = cursor === null ? 0 : cursor.kind === 'pinned' ? cursor.place + 1 : pinned.rooms.length;
      const placed: Placed[] = pinned.rooms.slice(start, start + first).map(({ roomId }, index) => ({
        roomId,
        cursor: { kind: 'pinned', epoch, revision, place: start + index },
      }));
      let hasNextPage = start + first < pinned.rooms.length || pinned.total > pinned.rooms.length;
      if (placed.length < first && pinned.total > pinned.rooms.length) {
        const place =
          cursor?.kind === 'below' ? { createdAt: new Date(cursor.createdAt), id: cursor.roomId } : null;
        const wanted = first - placed.length;
        const found = await below(pinned, place, wanted + 1, signal);
        placed.push(...found.slice(0, wanted));
        hasNextPage = found.length > wanted;
      }
      // Taken before anything is awaited again: who continues from a first page must see what moves meanwhile.
      const newest = cursor === null ? pinned : (snapshots.newest() ?? pinned);
      const standings = await standingsOf(
        placed.map(({ roomId }) => roomId),
        pinned,
      );
      return {
        entries: placed.flatMap(({ roomId, cursor: at }) => {
          const standing = standings.get(roomId);
          return standing === undefined ? [] : [{ cursor: encodeRankingCursor(at), standing }];
        }),
        hasNextPage,
        hasPreviousPage: cursor !== null,
        totalCount: newest.total,
        resumeCursor: encodeRankingCursor({
          kind: 'resume',
          epoch: newest.epoch,
          revision: newest.revision,
          first,
        }),
      };
    },
    follow: (first) => changes.follow(first),
    standing: (roomId) => snapshots.room(roomId),
    lastKnown(roomId) {
      const standing = snapshots.room(roomId);
      return standing === undefined ? undefined : { ...standing, at: snapshots.adoptedAt() };
    },
    listed: () => (snapshots.newest()?.rooms ?? []).map(({ roomId }) => roomId),
    stop: () => ticker.stop(),
  };
}
