import type { Clock } from '../../../src/lib/clock.js';
import { systemIds } from '../../../src/lib/ids.js';
import { silentLogger } from '../../../src/lib/logger.js';
import { createPresenceService } from '../../../src/presence/presence-service.js';
import { createMemoryPresenceStore } from '../../../src/presence/presence-store.memory.js';
import type { PresenceStore } from '../../../src/presence/presence-store.js';
import type { Visit, VisitJournal } from '../../../src/presence/visit-journal.js';
import type { Message } from '../../../src/messages/message.js';
import type { MessageStore } from '../../../src/messages/message-store.js';
import type { RoomActivity, RoomRecord, RoomStore } from '../../../src/rooms/room-store.js';
import { createManualClock } from '../../testkit/manual-clock.js';

export const WINDOW_MS = 1_800_000;
export const INTERVAL_MS = 1000;

/** Rooms in a Map, with the calls that the presence and the ranking make. */
export function createRooms() {
  const rooms = new Map<string, RoomActivity>();
  const calls = { older: 0, activities: 0, raise: 0 };
  const newestFirst = (a: RoomActivity, b: RoomActivity): number =>
    b.createdAt.getTime() - a.createdAt.getTime() || (a.id < b.id ? 1 : a.id > b.id ? -1 : 0);
  const record = ({ id, createdAt }: RoomActivity): RoomRecord => ({ id, name: id, createdAt });

  const store: RoomStore = {
    create: () => Promise.reject(new Error('not used')),
    byIds: (ids) => Promise.resolve(ids.flatMap((id) => rooms.get(id) ?? []).map(record)),
    byNameKey: () => Promise.reject(new Error('not used')),
    older(place, limit, except) {
      calls.older += 1;
      const below = [...rooms.values()]
        .sort(newestFirst)
        .filter((room) => !except.has(room.id))
        .filter((room) => place === null || newestFirst({ ...room, ...place }, room) < 0);
      return Promise.resolve(below.slice(0, limit).map(record));
    },
    raise(raised) {
      calls.raise += 1;
      for (const { id, head, activeAt } of raised) {
        const room = rooms.get(id);
        if (room !== undefined) rooms.set(id, { ...room, head, activeAt });
      }
      return Promise.resolve();
    },
    async *activities(since) {
      calls.activities += 1;
      yield [...rooms.values()].filter((room) => since === null || room.createdAt >= since);
    },
  };
  return {
    store,
    calls,
    get: (id: string) => rooms.get(id),
    add(id: string, createdAt: Date, head = 0) {
      rooms.set(id, { id, createdAt, head, activeAt: createdAt });
    },
  };
}

/** The newest numbers of logs, which the rooms' records may lag behind. */
export function createMessages(clock: Pick<Clock, 'now'>) {
  const newest = new Map<string, number>();
  const message = (logId: string, number: number): Message => ({
    logId,
    number,
    authorId: 'author',
    key: 'c:key',
    call: '0123456789abcdef',
    text: 'text',
    createdAt: new Date(clock.now()),
  });
  const store: Pick<MessageStore, 'get' | 'newest'> = {
    get: (positions) =>
      Promise.resolve(
        positions
          .filter(({ logId, number }) => number <= (newest.get(logId) ?? 0))
          .map(({ logId, number }) => message(logId, number)),
      ),
    newest(logId) {
      const number = newest.get(logId);
      return Promise.resolve(number === undefined ? null : message(logId, number));
    },
  };
  return { store, newest };
}

/** Visits in a Map, on the clock's time. */
export function createJournal(clock: Pick<Clock, 'now'>) {
  const visits = new Map<string, Omit<Visit, 'ageMs'> & { at: number }>();
  /** While it is stuck no reading of it ends; while it is read-only nothing is written. */
  const state = { stuck: false, readOnly: false };
  const journal: VisitJournal = {
    record(recorded) {
      if (state.readOnly) return Promise.reject(new Error('away'));
      for (const { roomId, visitorId, ageMs } of recorded) {
        const key = `${roomId} ${visitorId}`;
        const at = Math.max(clock.now() - ageMs, visits.get(key)?.at ?? 0);
        visits.set(key, { roomId, visitorId, at });
      }
      return Promise.resolve();
    },
    async *recent(maxAgeMs, signal) {
      if (state.stuck) await rejectedBy(signal);
      const now = clock.now();
      const young = [...visits.values()].filter(({ at }) => now - at < maxAgeMs);
      yield young.map(({ roomId, visitorId, at }) => ({ roomId, visitorId, ageMs: now - at }));
    },
  };
  return { journal, visits, state };
}

export async function* endless(signal: AbortSignal) {
  yield await rejectedBy(signal);
}

/** Rejects when `signal` aborts. */
const rejectedBy = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('aborted', { cause: signal.reason })));
  });

/** A store that can be away, and that remembers what it was told. */
export function breakable(inner: PresenceStore) {
  const state = {
    away: false,
    touches: 0,
    calls: 0,
  };
  const guard = <Result>(call: () => Promise<Result>): Promise<Result> => {
    state.calls += 1;
    return state.away ? Promise.reject(new Error('away')) : call();
  };
  const store: PresenceStore = {
    touch(instance, touches) {
      state.touches += touches.length;
      return guard(() => inner.touch(instance, touches));
    },
    raise: (raises) => guard(() => inner.raise(raises)),
    counts: (roomIds) => guard(() => inner.counts(roomIds)),
    tick: (epoch, revision) => guard(() => inner.tick(epoch, revision)),
    snapshot: (epoch, revision) => guard(() => inner.snapshot(epoch, revision)),
    beat: (...args) => guard(() => inner.beat(...args)),
    loading: (instance, epoch) => guard(() => inner.loading(instance, epoch)),
    fulfilled: (...args) => guard(() => inner.fulfilled(...args)),
  };
  return { store, state };
}

/** One presence service over a store in memory, on a clock that the test moves. */
export function createWorld({ windowMs = WINDOW_MS } = {}) {
  const clock = createManualClock();
  const rooms = createRooms();
  const messages = createMessages(clock);
  const { journal, visits, state: journalState } = createJournal(clock);
  let fresh = createMemoryPresenceStore({ clock, ids: systemIds, windowMs, intervalMs: INTERVAL_MS });
  const forget = (): void => {
    fresh = createMemoryPresenceStore({ clock, ids: systemIds, windowMs, intervalMs: INTERVAL_MS });
  };
  /** Stands for a store that lost everything: the next calls meet an empty one of another epoch. */
  const forgetful: PresenceStore = {
    touch: (...args) => fresh.touch(...args),
    raise: (...args) => fresh.raise(...args),
    counts: (...args) => fresh.counts(...args),
    tick: (...args) => fresh.tick(...args),
    snapshot: (...args) => fresh.snapshot(...args),
    async beat(instance, over) {
      if ((await fresh.counts([])).epoch === over) forget();
      return fresh.beat(instance);
    },
    loading: (...args) => fresh.loading(...args),
    fulfilled: (...args) => fresh.fulfilled(...args),
  };
  const { store, state } = breakable(forgetful);
  const listed: string[] = [];
  const lastKnown = new Map<string, { recentVisitorCount: number; onlineCount: number; at: number }>();
  /**
   * @param aheadMs - by how much the wall clock of this instance is ahead of the store's.
   * @param sleptMs - for how long its machine has slept, which its monotonic clock does not tell.
   * @param isCutOff - whether no reading of the journal by this instance ever ends.
   */
  const start = ({ aheadMs = 0, sleptMs = (): number => 0, isCutOff = false } = {}) =>
    createPresenceService({
      store,
      journal: isCutOff ? { ...journal, recent: (_, signal) => endless(signal) } : journal,
      rooms: rooms.store,
      messages: messages.store,
      clock: {
        ...clock,
        now: () => clock.now() + aheadMs,
        monotonic: () => clock.monotonic() - sleptMs(),
      },
      ids: systemIds,
      chance: () => 0.5,
      log: silentLogger,
      windowMs,
      listed: () => listed,
      lastKnown: (roomId) => lastKnown.get(roomId),
    });
  return {
    clock,
    rooms,
    messages,
    visits,
    journal,
    journalState,
    store,
    state,
    /** What the ranking lists. */
    listed,
    /** What the ranking knows of a room. */
    lastKnown,
    start,
    forget,
    /** Leads to another store, an empty one, until what it returns is called: then to the former one again. */
    replace() {
      const former = fresh;
      forget();
      return () => {
        fresh = former;
      };
    },
  };
}
