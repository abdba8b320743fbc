import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { changeBetween, compareRooms, sameStanding, type Standing } from '../../../src/ranking/rank.js';

const ids = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
const standing = fc.record({
  roomId: fc.constantFrom(...ids),
  recentVisitorCount: fc.nat(2),
  onlineCount: fc.nat(1),
  messageCount: fc.nat(1),
});
const list = fc.uniqueArray(standing, { selector: ({ roomId }) => roomId, maxLength: ids.length });

/** What the contract tells a client to do: apply `rooms`, then `order`. */
function apply(before: readonly Standing[], change: ReturnType<typeof changeBetween>): Standing[] {
  const held = new Map(before.map((room) => [room.roomId, room]));
  for (const room of change?.standings ?? []) held.set(room.roomId, room);
  const order = change?.order ?? before.map((room) => room.roomId);
  return order.map((roomId) => held.get(roomId)!);
}

describe('the order of rooms', () => {
  const room = (roomId: string, recentVisitorCount: number, activeSecond: number) => ({
    roomId,
    recentVisitorCount,
    activeSecond,
  });

  it('is by visitors, then latest activity, then identifier from the highest', () => {
    const ordered = [room('a', 2, 0), room('a', 1, 9), room('c', 1, 8), room('b', 1, 8), room('B', 1, 8)];
    expect(ordered.toReversed().sort(compareRooms)).toEqual(ordered);
  });

  it('is total', () => {
    const any = fc.record({
      roomId: fc.constantFrom(...ids),
      recentVisitorCount: fc.nat(1),
      activeSecond: fc.nat(1),
    });
    fc.assert(
      fc.property(any, any, any, (a, b, c) => {
        expect(Math.sign(compareRooms(a, b))).toBe(-Math.sign(compareRooms(b, a)) + 0);
        const chained = compareRooms(a, b) < 0 && compareRooms(b, c) < 0;
        expect(!chained || compareRooms(a, c) < 0).toBe(true);
        expect(compareRooms(a, b) === 0).toBe(JSON.stringify(a) === JSON.stringify(b));
      }),
    );
  });
});

describe('a change of the list', () => {
  it('gives the new list when it is applied to the old one', () => {
    fc.assert(
      fc.property(list, list, (before, after) => {
        expect(apply(before, changeBetween(before, after))).toEqual(after);
      }),
    );
  });

  it('is nothing exactly when nothing changed', () => {
    fc.assert(
      fc.property(list, list, (before, after) => {
        const same =
          before.length === after.length && before.every((room, place) => sameStanding(room, after[place]!));
        expect(changeBetween(before, after) === null).toBe(same);
        expect(changeBetween(after, structuredClone(after))).toBeNull();
      }),
    );
  });

  it('names only rooms that are new or changed, and the order only when it is another', () => {
    const a = { roomId: 'a', recentVisitorCount: 2, onlineCount: 0, messageCount: 0 };
    const b = { roomId: 'b', recentVisitorCount: 1, onlineCount: 0, messageCount: 0 };
    const c = { roomId: 'c', recentVisitorCount: 0, onlineCount: 0, messageCount: 0 };
    expect(changeBetween([a, b], [a, { ...b, messageCount: 1 }])).toEqual({
      standings: [{ ...b, messageCount: 1 }],
      order: null,
    });
    expect(changeBetween([a, b], [b, a])).toEqual({ standings: [], order: ['b', 'a'] });
    expect(changeBetween([a, b], [a, c])).toEqual({ standings: [c], order: ['a', 'c'] });
    expect(changeBetween([a, b], [a])).toEqual({ standings: [], order: ['a'] });
  });
});
