import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  applyRoomsChange,
  createRoomList,
  followRooms,
  RequestError,
  type RoomsChange,
  type Sink,
} from '../../../client/kit/index.js';
import { environmentWith } from './support/environment.js';

interface Room {
  readonly id: string;
  readonly visitors: number;
}

const room = (id: string, visitors = 0): Room => ({ id, visitors });
const change = (part: Partial<RoomsChange<Room>>): RoomsChange<Room> => ({
  cursor: 'c',
  complete: false,
  rooms: [],
  order: null,
  ...part,
});

describe('applyRoomsChange', () => {
  it('applies new states first, then the order', () => {
    const list = [room('a'), room('b')];
    expect(
      applyRoomsChange(list, change({ rooms: [room('c', 9), room('a', 1)], order: ['c', 'a', 'b'] })),
    ).toEqual([room('c', 9), room('a', 1), room('b')]);
  });

  it('keeps the order when it is unchanged', () => {
    const list = [room('a'), room('b')];
    expect(applyRoomsChange(list, change({ rooms: [room('b', 3)] }))).toEqual([room('a'), room('b', 3)]);
  });

  it('forgets the old list when the change is complete', () => {
    expect(
      applyRoomsChange([room('a')], change({ complete: true, rooms: [room('b')], order: ['b'] })),
    ).toEqual([room('b')]);
  });

  it('gives what a fresh read gives, for any sequence of lists', () => {
    const anyList = fc.uniqueArray(
      fc.record({ id: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'), visitors: fc.nat(3) }),
      {
        selector: ({ id }) => id,
      },
    );
    fc.assert(
      fc.property(fc.array(anyList, { minLength: 1 }), (lists) => {
        let held: readonly Room[] = lists[0]!;
        let before = lists[0]!;
        for (const list of lists.slice(1)) {
          const known = new Map(before.map((item) => [item.id, item.visitors]));
          const ids = list.map(({ id }) => id);
          held = applyRoomsChange(
            held,
            change({
              rooms: list.filter(({ id, visitors }) => known.get(id) !== visitors),
              order: ids.join() === before.map(({ id }) => id).join() ? null : ids,
            }),
          );
          expect(held).toEqual(list);
          before = list;
        }
      }),
    );
  });
});

describe('followRooms', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function follow() {
    const sinks: Sink<RoomsChange<Room>>[] = [];
    const afters: (() => string | null)[] = [];
    const list = createRoomList<Room>();
    let reads = 0;
    const readPage = vi.fn(() => Promise.resolve({ rooms: [room('a')], resumeCursor: `page${++reads}` }));
    const followed = followRooms({
      source: {
        readPage,
        subscribe: (after, sink) => {
          sinks.push(sink);
          afters.push(after);
          return () => {};
        },
      },
      target: list,
      environment: environmentWith(0.5),
    });
    return { followed, list, readPage, sinks, afters };
  }

  it('reads a page, then applies each change once and resumes behind the last', async () => {
    const { followed, list, sinks, afters } = follow();
    await vi.advanceTimersByTimeAsync(0);
    expect(afters[0]?.()).toBe('page1');
    sinks[0]?.next(change({ cursor: 'x1', rooms: [room('b')], order: ['b', 'a'] }));
    sinks[0]?.next(change({ cursor: 'x1', rooms: [room('c')], order: ['c'] }));
    expect(list.rooms.get()).toEqual([room('b'), room('a')]);
    expect(afters[0]?.()).toBe('x1');
    expect(followed.state.get()).toEqual({ phase: 'ready', problem: null });
  });

  it('subscribes again after UNAVAILABLE, and reads a page after CURSOR_EXPIRED', async () => {
    const { followed, readPage, sinks, afters } = follow();
    await vi.advanceTimersByTimeAsync(0);
    sinks[0]?.error(new RequestError('UNAVAILABLE', ''));
    await vi.advanceTimersByTimeAsync(250);
    expect(sinks).toHaveLength(2);
    expect(readPage).toHaveBeenCalledTimes(1);
    sinks[1]?.error(new RequestError('CURSOR_EXPIRED', ''));
    await vi.advanceTimersByTimeAsync(500);
    expect(readPage).toHaveBeenCalledTimes(2);
    expect(afters[2]?.()).toBe('page2');
    followed.stop();
  });
});
