import { LRUCache } from 'lru-cache';
import { sleep, type Clock } from '../lib/clock.js';
import type { Logger } from '../lib/logger.js';
import type { RoomCounts } from './presence-service.js';
import type { Counted } from './presence-store.js';

/** How long a read may go on while expired visits are still being taken away, in milliseconds. */
const PATIENCE_MS = 300;
/** How long after a failed read nobody waits for another one, in milliseconds. */
const PAUSE_MS = 500;
const REMEMBERED_ROOMS = 10_000;

/**
 * Reads counts that are right at the moment of the call. While the store is away, is being filled, or has too
 * much to take away, it gives the last known ones, else zeros. Never rejects.
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
  readonly lastKnown: (roomId: string) => RoomCounts | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}): (roomIds: readonly string[]) => Promise<ReadonlyMap<string, RoomCounts>> {
  const remembered = new LRUCache<string, RoomCounts>({ max: REMEMBERED_ROOMS });
  let pausedUntil = Number.NEGATIVE_INFINITY;

  async function ask(roomIds: readonly string[]): Promise<ReadonlyMap<string, RoomCounts> | null> {
    const until = clock.monotonic() + PATIENCE_MS;
    if (clock.monotonic() < pausedUntil) return null;
    try {
      for (;;) {
        const { loaded, more, rooms } = await read(roomIds);
        if (!loaded) return null;
        if (!more) return rooms;
        if (clock.monotonic() > until) return null;
        await sleep(clock, 0);
      }
    } catch (error) {
      pausedUntil = clock.monotonic() + PAUSE_MS;
      log.debug({ err: error }, 'the presence store gave no counts');
      return null;
    }
  }

  return async (roomIds) => {
    const counted = await ask(roomIds);
    const zero = { recentVisitorCount: 0, onlineCount: 0 };
    return new Map(
      roomIds.map((roomId) => {
        const now = counted?.get(roomId);
        if (now !== undefined) remembered.set(roomId, now);
        return [roomId, now ?? remembered.get(roomId) ?? lastKnown(roomId) ?? zero];
      }),
    );
  };
}
