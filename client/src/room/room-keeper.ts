import { systemEnvironment, type Environment, type FollowedRoom } from '../../kit/index.js';

/**
 * A room that nobody looks at is followed for so many milliseconds more: a component that is taken away and put back
 * does not make its reader leave the room.
 */
const LINGER_MS = 1000;

/** Follows each room once, however many components look at it. */
export type RoomKeeper = ReturnType<typeof createRoomKeeper>;

export function createRoomKeeper(
  follow: (roomId: string) => FollowedRoom,
  environment: Environment = systemEnvironment,
) {
  const kept = new Map<string, { room: FollowedRoom; holders: number; cancelEnd: () => void }>();

  function end(roomId: string): void {
    kept.get(roomId)?.room.stop();
    kept.delete(roomId);
  }

  const linger = (roomId: string): (() => void) => environment.after(LINGER_MS, () => end(roomId));

  function entry(roomId: string) {
    const found = kept.get(roomId) ?? { room: follow(roomId), holders: 0, cancelEnd: linger(roomId) };
    kept.set(roomId, found);
    return found;
  }

  return {
    /** The room, followed from now on; `hold` it to keep it. */
    get: (roomId: string): FollowedRoom => entry(roomId).room,
    /** Keeps following the room until the returned function is called, once. */
    hold(roomId: string): () => void {
      const held = entry(roomId);
      held.holders += 1;
      held.cancelEnd();
      return () => {
        held.holders -= 1;
        if (held.holders > 0) return;
        // Who comes back is not where the newest were let go of.
        if (held.room.state.get().hasNewer) end(roomId);
        else held.cancelEnd = linger(roomId);
      };
    },
  };
}
