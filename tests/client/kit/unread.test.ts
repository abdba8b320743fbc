import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createMemoryStorage, createUnread, unreadCount } from '../../../client/kit/index.js';
import { environmentWith } from './support/environment.js';

describe('unread', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());
  const start = (storage = createMemoryStorage()) => ({
    storage,
    unread: createUnread({ storage, environment: environmentWith(0.5) }),
  });

  it('counts what came after the last message read', () => {
    const { unread } = start();
    unread.markRead('r', 7);
    expect(unreadCount(unread.lastRead.get(), 'r', 10)).toBe(3);
    expect(unreadCount(unread.lastRead.get(), 'r', 6)).toBe(0);
  });

  it('counts nothing in a room that was never read', () => {
    expect(unreadCount(start().unread.lastRead.get(), 'r', 10)).toBe(0);
  });

  it('never goes back', () => {
    const { unread } = start();
    unread.markRead('r', 7);
    unread.markRead('r', 5);
    expect(unread.lastRead.get().get('r')).toBe(7);
  });

  it('lasts over pages and takes in what another page has read', () => {
    const { unread, storage } = start();
    unread.markRead('r', 7);
    unread.flush();
    const other = start(storage).unread;
    expect(other.lastRead.get().get('r')).toBe(7);
    other.markRead('r', 9);
    vi.advanceTimersByTime(500);
    unread.reload();
    expect(unread.lastRead.get().get('r')).toBe(9);
  });

  it('writes half a second later, once for all that was read, and leaves what other pages wrote', () => {
    const { unread, storage } = start();
    const other = start(storage).unread;
    const writes: string[] = [];
    const { set } = storage;
    storage.set = (key, value) => {
      writes.push(value);
      set(key, value);
    };
    unread.flush();
    expect(writes).toEqual([]);
    unread.markRead('r', 7);
    vi.advanceTimersByTime(300);
    unread.markRead('r', 8);
    other.markRead('s', 3);
    other.flush();
    vi.advanceTimersByTime(200);
    expect(writes.map((written) => JSON.parse(written) as unknown)).toEqual([
      [['s', 3]],
      [
        ['s', 3],
        ['r', 8],
      ],
    ]);
    unread.markRead('r', 0);
    unread.markRead('s', 2);
    unread.flush();
    unread.markRead('r', 9);
    vi.advanceTimersByTime(5000);
    expect(writes).toHaveLength(3);
    expect(new Map(start(storage).unread.lastRead.get())).toEqual(
      new Map([
        ['r', 9],
        ['s', 3],
      ]),
    );
  });

  it('forgets the rooms read longest ago, beyond 500', () => {
    const { unread } = start();
    for (let room = 0; room < 502; room++) unread.markRead(`r${room}`, 1);
    expect(unread.lastRead.get().size).toBe(500);
    expect(unread.lastRead.get().has('r1')).toBe(false);
    expect(unread.lastRead.get().has('r501')).toBe(true);
  });

  it('forgets those also when each reading is written at once', () => {
    const { unread, storage } = start();
    for (let room = 0; room < 750; room++) {
      unread.markRead(`r${room}`, 1);
      unread.flush();
    }
    const newest = Array.from({ length: 500 }, (_, index) => `r${250 + index}`);
    expect([...unread.lastRead.get().keys()]).toEqual(newest);
    expect([...start(storage).unread.lastRead.get().keys()]).toEqual(newest);
  });

  it('goes on when the storage takes nothing', () => {
    const storage = {
      ...createMemoryStorage(),
      set: () => {
        throw new Error('full');
      },
    };
    const { unread } = start(storage);
    unread.markRead('r', 7);
    unread.flush();
    expect(unread.lastRead.get().get('r')).toBe(7);
  });

  it.each(['{', '7', '[["r","x"],["s",3],[4,5],["t",6,7],"u"]'])('reads what it can of %s', (stored) => {
    const storage = createMemoryStorage();
    storage.set('madang.read', stored);
    const { lastRead } = start(storage).unread;
    expect([...lastRead.get()]).toEqual(stored.includes('s') ? [['s', 3]] : []);
  });
});
