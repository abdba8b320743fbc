import { useEffect, useState } from 'react';
import type { FollowedRoom, RoomState } from '../../kit/index.js';
import { useChat } from '../session/chat-context.js';
import { useReadable } from '../ui/use-readable.js';

/** The first unread message is looked for in so many of the newest. */
const SEARCHED_MESSAGES = 1000;

/** Where a room opened. */
export interface Opening {
  /** At the message with this number; null at the newest. */
  readonly firstUnread: number | null;
  /** Its place among the messages that were held then. */
  readonly index: number;
}

/**
 * Decides where a room opens: at the first message that was not read yet, else at the newest; once, until `openAnew`.
 * Null while older pages are read to know; without a connection what is held has to do.
 */
export function useOpening(roomId: string, room: FollowedRoom, state: RoomState) {
  const { unread, socket } = useChat();
  const connected = useReadable(socket.state) === 'connected';
  const lastRead = () => unread.lastRead.get().get(roomId) ?? null;
  const [read, setRead] = useState(lastRead);
  const [opening, setOpening] = useState<Opening | null>(null);
  const { phase, hasOlder, loadingOlder } = state;
  const first = state.messages[0]?.number ?? 1;
  const last = state.messages.at(-1)?.number ?? 0;
  const held = read === null || first <= read + 1 || !hasOlder;
  const searching =
    opening === null && phase === 'ready' && !held && connected && last - first < SEARCHED_MESSAGES;
  useEffect(() => {
    if (searching && !loadingOlder) room.loadOlder();
  }, [room, searching, loadingOlder]);
  // What was kept from last time is shown only while there is nothing better to wait for.
  const waiting = phase === 'loading' && (connected || state.messages.length === 0);
  const openAnew = () => {
    setRead(lastRead);
    setOpening(null);
  };
  if (opening !== null || waiting || searching) return { opening, openAnew };
  const firstUnread = read === null || read >= last ? null : Math.max(read + 1, first);
  const found = { firstUnread, index: (firstUnread ?? first) - first };
  setOpening(found);
  return { opening: found, openAnew };
}
