import { useState } from 'react';

interface Rest<Room> {
  readonly pointer: boolean;
  readonly focus: boolean;
  /** The rooms as they lay when the hand came; null while it is away. */
  readonly held: readonly Room[] | null;
}

const AWAY = { pointer: false, focus: false, held: null };

/**
 * While the hand, a pointer or the keyboard's focus, rests on the list, each room keeps its place and shows its present
 * state. New ones come below the others, and those that left go when the hand does.
 */
export function useStillOrder<Room extends { readonly id: string }>(
  rooms: readonly Room[],
): { readonly rooms: readonly Room[]; readonly rest: (hand: 'pointer' | 'focus', there: boolean) => void } {
  const [{ held }, setRest] = useState<Rest<Room>>(AWAY);
  return {
    rooms: held === null ? rooms : inPlace(held, rooms),
    rest: (hand, there) =>
      setRest((before) => {
        const next = { ...before, [hand]: there };
        return { ...next, held: next.pointer || next.focus ? (before.held ?? rooms) : null };
      }),
  };
}

function inPlace<Room extends { readonly id: string }>(
  held: readonly Room[],
  rooms: readonly Room[],
): readonly Room[] {
  const now = new Map(rooms.map((room) => [room.id, room]));
  const known = new Set(held.map(({ id }) => id));
  return [...held.map((room) => now.get(room.id) ?? room), ...rooms.filter(({ id }) => !known.has(id))];
}
