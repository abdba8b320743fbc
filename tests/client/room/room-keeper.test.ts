import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createRoomKeeper } from '../../../client/src/room/room-keeper.js';
import type { FollowedRoom } from '../../../client/kit/index.js';
import { EMPTY_ROOM } from '../../../client/kit/room-state.js';
import { createStore } from '../../../client/kit/store.js';

describe('room keeper', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function start() {
    const followed: string[] = [];
    const state = createStore(EMPTY_ROOM);
    const stopped: string[] = [];
    const keeper = createRoomKeeper((roomId): FollowedRoom => {
      followed.push(roomId);
      return {
        state,
        loadOlder: () => {},
        keepOldest: () => {},
        loadNewer: () => {},
        keepNewest: () => {},
        rename: () => {},
        restart: () => {},
        stop: () => void stopped.push(roomId),
      };
    });
    return { keeper, followed, stopped, state };
  }

  it('follows a room once for all who look at it, and ends when the last has left', async () => {
    const { keeper, followed, stopped } = start();
    const leave = [keeper.hold('r'), keeper.hold('r')];
    expect(keeper.get('r')).toBe(keeper.get('r'));
    leave[0]!();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(stopped).toEqual([]);
    leave[1]!();
    await vi.advanceTimersByTimeAsync(1000);
    expect([followed, stopped]).toEqual([['r'], ['r']]);
  });

  it('does not leave a room for a component that is taken away and put back', async () => {
    const { keeper, followed, stopped } = start();
    keeper.hold('r')();
    await vi.advanceTimersByTimeAsync(500);
    const leave = keeper.hold('r');
    await vi.advanceTimersByTimeAsync(60_000);
    expect([followed, stopped]).toEqual([['r'], []]);
    leave();
  });

  it('leaves a room at once that was left at older messages: who comes back is to begin at the newest', () => {
    const { keeper, followed, stopped, state } = start();
    const leave = keeper.hold('r');
    state.set({ ...EMPTY_ROOM, hasNewer: true });
    leave();
    expect(stopped).toEqual(['r']);
    keeper.get('r');
    expect(followed).toEqual(['r', 'r']);
  });

  it('ends a room that was asked for and never held', async () => {
    const { keeper, stopped } = start();
    keeper.get('r');
    await vi.advanceTimersByTimeAsync(1000);
    expect(stopped).toEqual(['r']);
  });

  it('follows a room anew after it ended', async () => {
    const { keeper, followed } = start();
    keeper.get('r');
    await vi.advanceTimersByTimeAsync(1000);
    keeper.get('r');
    expect(followed).toEqual(['r', 'r']);
  });
});
