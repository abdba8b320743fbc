import type { FollowedRoom } from '../../kit/index.js';

/**
 * A room that nobody looks at is followed for so many milliseconds more: a component that is taken away and put back
 * does not make its reader leave the room.
 */
const LINGER_MS = 1000;

/** Follows each room once, however many components look at it. */
export type RoomKeeper = ReturnType<typeof createRoomKeeper>;

export function createRoomKeeper(follow: (roomId: string) => FollowedRoom) {
  const kept = new Map<string, { room: FollowedRoom; holders: number; timer: number }>();

  function linger(roomId: string): number {
    return window.setTimeout(() => {
      kept.get(roomId)?.room.stop();
      kept.delete(roomId);
    }, LINGER_MS);
  }

  function entry(roomId: string) {
    const found = kept.get(roomId) ?? { room: follow(roomId), holders: 0, timer: linger(roomId) };
    kept.set(roomId, found);
    return found;
  }

  return {
    /** The room, followed from now on; `hold` it to keep it. */
    get: (roomId: string): FollowedRoom => entry(roomId).room,
    /** Keeps following the room until the returned function is called. */
    hold(roomId: string): () => void {
      const held = entry(roomId);
      held.holders += 1;
      window.clearTimeout(held.timer);
      return () => {
        held.holders -= 1;
        if (held.holders === 0) held.timer = linger(roomId);
      };
    },
  };
}
