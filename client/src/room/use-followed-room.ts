import { useEffect } from 'react';
import type { FollowedRoom } from '../../kit/index.js';
import { useViewerQuery } from '../__generated__/operations.js';
import { useChat } from '../session/chat-context.js';

/** Follows a room for as long as the component is there. */
export function useFollowedRoom(roomId: string): FollowedRoom {
  const { rooms } = useChat();
  const [{ data }] = useViewerQuery();
  const viewer = data?.viewer;
  const room = rooms.get(roomId);
  useEffect(() => rooms.hold(roomId), [rooms, roomId]);
  // A new name shows on older messages at once.
  useEffect(() => {
    if (viewer != null) room.rename(viewer.id, viewer.displayName);
  }, [room, viewer]);
  return room;
}
