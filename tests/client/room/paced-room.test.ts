import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { FollowedRoom, RoomState } from '../../../client/kit/index.js';
import { createStore } from '../../../client/kit/store.js';
import { pacedRoom } from '../../../client/src/room/paced-room.js';
import { message } from './message.js';

const EVERY_MS = 100;
const messages = Array.from({ length: 100 }, (_, index) => message(index + 1));

describe('a room at a pace', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function start() {
    const state = createStore<RoomState>({
      phase: 'ready',
      messages: messages.slice(0, 1),
      hasOlder: true,
      loadingOlder: false,
      hasNewer: false,
      loadingNewer: false,
      newest: 1,
      names: new Map(),
      problem: null,
    });
    const stop = vi.fn();
    const nothing = () => undefined;
    const keepNewest = vi.fn();
    const room: FollowedRoom = {
      state,
      stop,
      loadOlder: nothing,
      keepOldest: nothing,
      loadNewer: nothing,
      keepNewest,
      rename: nothing,
      restart: nothing,
    };
    const paced = pacedRoom(room);
    /** How many messages each rendering would show. */
    const shown: number[] = [];
    const leave = paced.state.watch(() => shown.push(paced.state.get().messages.length));
    const change = (part: Partial<RoomState>) => state.set({ ...state.get(), ...part });
    const hold = (count: number) => change({ messages: messages.slice(0, count) });
    return { paced, shown, change, hold, stop, leave, keepNewest };
  }

  it('shows a message at once, and those that follow on its heels together', async () => {
    const { shown, hold } = start();
    hold(2);
    expect(shown).toEqual([2]);
    hold(3);
    hold(4);
    expect(shown).toEqual([2]);
    await vi.advanceTimersByTimeAsync(EVERY_MS);
    expect(shown).toEqual([2, 4]);
    await vi.advanceTimersByTimeAsync(EVERY_MS);
    hold(5);
    expect(shown).toEqual([2, 4, 5]);
  });

  it('shows fifty a second ten times a second, and all of them in the end', async () => {
    const { shown, hold } = start();
    for (let count = 2; count <= 51; count += 1) {
      hold(count);
      await vi.advanceTimersByTimeAsync(20);
    }
    await vi.advanceTimersByTimeAsync(EVERY_MS);
    expect(shown.length).toBeLessThanOrEqual(12);
    expect(shown.at(-1)).toBe(51);
  });

  it('counts what is to be kept from the newest that it shows', () => {
    const { paced, shown, hold, keepNewest } = start();
    hold(20);
    hold(23);
    expect(shown).toEqual([20]);
    paced.keepNewest(10);
    expect(keepNewest).toHaveBeenCalledWith(13);
  });

  it('counts fifty a second that are not held ten times a second, and shows at once when newer ones are read', async () => {
    const { paced, shown, change } = start();
    change({ hasNewer: true });
    for (let newest = 2; newest <= 51; newest += 1) {
      change({ newest });
      await vi.advanceTimersByTimeAsync(20);
    }
    expect(shown.length).toBeLessThanOrEqual(12);
    await vi.advanceTimersByTimeAsync(EVERY_MS);
    expect(paced.state.get().newest).toBe(51);
    change({ newest: 52 });
    change({ newest: 53 });
    change({ loadingNewer: true });
    expect(paced.state.get()).toMatchObject({ newest: 53, loadingNewer: true });
    change({ newest: 54, hasNewer: false, loadingNewer: true });
    expect(paced.state.get()).toMatchObject({ newest: 54, hasNewer: false });
  });

  it('shows every other change at once, with what waited', () => {
    const { paced, shown, change, hold } = start();
    hold(2);
    hold(3);
    change({ loadingOlder: true });
    expect(shown).toEqual([2, 3]);
    change({ messages: messages.slice(1, 3) });
    change({ phase: 'failed' });
    change({ names: new Map([['ana', 'Ana Bell']]) });
    expect(shown).toEqual([2, 3, 2, 2, 2]);
    expect(paced.state.get()).toMatchObject({ phase: 'failed', loadingOlder: true });
  });

  it('shows nothing after it was stopped, or to one who left', async () => {
    const { paced, shown, hold, stop, leave } = start();
    hold(2);
    hold(3);
    leave();
    await vi.advanceTimersByTimeAsync(EVERY_MS);
    expect(shown).toEqual([2]);
    expect(paced.state.get().messages).toHaveLength(3);
    hold(4);
    paced.stop();
    await vi.advanceTimersByTimeAsync(EVERY_MS);
    expect(paced.state.get().messages).toHaveLength(3);
    expect(stop).toHaveBeenCalledOnce();
  });
});
