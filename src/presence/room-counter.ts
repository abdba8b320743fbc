import { LRUCache } from 'lru-cache';
import type { Clock } from '../lib/clock.js';
import type { Logger } from '../lib/logger.js';
import { createPatientCounts } from './patient-counts.js';
import type { Counted } from './presence-store.js';

/** How many visitors a room has. */
export interface RoomCounts {
  /** Distinct visitors seen during the window. */
  readonly recentVisitorCount: number;
  /** Distinct visitors with an open subscription. */
  readonly onlineCount: number;
}

/** How long after a failed read nobody waits for another one, in milliseconds. */
const PAUSE_MS = 500;
const REMEMBERED_ROOMS = 10_000;

/** Counts as they were at a moment of the monotonic clock, in milliseconds. */
export type CountsAt = RoomCounts & { readonly at: number };

/**
 * Reads counts that are right at the moment of the call. While the store is away, is being filled, or takes
 * seconds to take away what has expired, it gives the last known ones, else zeros. Never rejects.
 */
export function createRoomCounter({
  read,
  lastKnown,
  clock,
  log,
}: {
  /** One call of the store. */
  readonly read: (roomIds: readonly string[]) => Promise<Counted>;
  /** What somebody else, such as the ranking, knows of a room. */
  readonly lastKnown: (roomId: string) => CountsAt | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}): (roomIds: readonly string[]) => Promise<ReadonlyMap<string, RoomCounts>> {
  const remembered = new LRUCache<string, CountsAt>({ max: REMEMBERED_ROOMS });
  const readAll = createPatientCounts({ read, clock });
  let pausedUntil = Number.NEGATIVE_INFINITY;

  async function ask(roomIds: readonly string[]): Promise<ReadonlyMap<string, RoomCounts> | null> {
    if (clock.monotonic() < pausedUntil) return null;
    try {
      const counted = await readAll(roomIds);
      return counted?.loaded === true ? counted.rooms : null;
    } catch (error) {
      pausedUntil = clock.monotonic() + PAUSE_MS;
      log.debug({ err: error }, 'the presence store gave no counts');
      return null;
    }
  }

  /** What was known last: by a read, or by somebody else. */
  function latest(roomId: string): RoomCounts {
    const zero = { recentVisitorCount: 0, onlineCount: 0 };
    const [own, other] = [remembered.get(roomId), lastKnown(roomId)];
    if (own === undefined || other === undefined) return own ?? other ?? zero;
    return own.at > other.at ? own : other;
  }

  return async (roomIds) => {
    const counted = await ask(roomIds);
    return new Map(
      roomIds.map((roomId) => {
        const now = counted?.get(roomId);
        if (now === undefined) return [roomId, latest(roomId)];
        remembered.set(roomId, { ...now, at: clock.monotonic() });
        return [roomId, now];
      }),
    );
  };
}
