import type { Clock } from '../lib/clock.js';
import type { Ids } from '../lib/ids.js';
import { createSortedList } from '../lib/sorted-list.js';
import { compareRooms } from '../ranking/rank.js';
import { createDuties } from './duties.js';
import { createExpiring, type Expires } from './expiring.js';
import {
  LATE_JOIN_MS,
  ONLINE_MS,
  PINNED_ROOMS,
  SNAPSHOT_MS,
  SWEEP_SLICE,
  type PresenceStore,
  type RankedRoom,
  type Snapshot,
} from './presence-store.js';

interface Room {
  readonly roomId: string;
  recentVisitorCount: number;
  activeSecond: number;
  onlineCount: number;
  messageCount: number;
  /** What the newest snapshots show; the same object for as long as nothing changed. */
  shown: RankedRoom | null;
}

/** A visit, or that an instance holds a visitor. */
interface Entry extends Expires {
  readonly room: Room;
  /** Room and visitor. */
  readonly pair: string;
}

/**
 * Counts in this process's memory. Cost: a touch, a raise and an expiry are a few searches in sorted lists,
 * whatever the number of rooms; a snapshot copies `PINNED_ROOMS` references. Its clock begins at the machine's
 * time and then follows the monotonic one.
 */
export function createMemoryPresenceStore({
  clock,
  ids,
  windowMs,
  intervalMs,
}: {
  readonly clock: Clock;
  readonly ids: Ids;
  /** How long a visit counts. */
  readonly windowMs: number;
  /** Shortest time between two snapshots. */
  readonly intervalMs: number;
}): PresenceStore {
  const origin = clock.now() - clock.monotonic();
  const epoch = ids.random64();
  const rooms = new Map<string, Room>();
  const ranked = createSortedList<Room>(compareRooms);
  const visits = createExpiring<Entry>();
  const members = createExpiring<Entry>();
  /** How many instances hold a (room, visitor). */
  const present = new Map<string, number>();
  const snapshots = new Map<number, { snapshot: Snapshot; goneAt: number }>();
  let revision = 0;
  let takenAt = Number.NEGATIVE_INFINITY;
  let dirty = true;
  const duties = createDuties();

  const now = (): number => Math.floor(origin + clock.monotonic());
  const answer = () => ({ now: now(), epoch });

  function change(room: Room, apply: () => void): void {
    ranked.remove(room);
    apply();
    room.shown = null;
    ranked.add(room);
    dirty = true;
  }

  function roomOf(roomId: string): Room {
    let room = rooms.get(roomId);
    if (room === undefined) {
      room = { roomId, recentVisitorCount: 0, activeSecond: 0, onlineCount: 0, messageCount: 0, shown: null };
      rooms.set(roomId, room);
      ranked.add(room);
      dirty = true;
    }
    return room;
  }

  function changeOnline(room: Room, by: number): void {
    room.onlineCount += by;
    room.shown = null;
    dirty = true;
  }

  function removeMember(key: string): void {
    const member = members.remove(key);
    if (member === undefined) return;
    const holders = (present.get(member.pair) ?? 1) - 1;
    if (holders > 0) {
      present.set(member.pair, holders);
    } else {
      present.delete(member.pair);
      changeOnline(member.room, -1);
    }
  }

  /** Takes away a slice of what expired; whether some is left. */
  function sweep(): boolean {
    const at = now();
    for (let rest = SWEEP_SLICE; rest > 0; rest -= 1) {
      const visit = visits.ended(at);
      if (visit === undefined) break;
      visits.remove(visit.key);
      change(visit.room, () => (visit.room.recentVisitorCount -= 1));
    }
    for (let rest = SWEEP_SLICE; rest > 0; rest -= 1) {
      const member = members.ended(at);
      if (member === undefined) break;
      removeMember(member.key);
    }
    return visits.ended(at) !== undefined || members.ended(at) !== undefined;
  }

  function show(room: Room): RankedRoom {
    room.shown ??= {
      roomId: room.roomId,
      recentVisitorCount: room.recentVisitorCount,
      onlineCount: room.onlineCount,
      messageCount: room.messageCount,
    };
    return room.shown;
  }

  function take(at: number): Snapshot {
    for (const [old, kept] of snapshots) {
      if (old === revision) kept.goneAt = at + SNAPSHOT_MS;
      else if (kept.goneAt <= at) snapshots.delete(old);
    }
    revision += 1;
    takenAt = at;
    dirty = false;
    const snapshot = { epoch, revision, rooms: ranked.head(PINNED_ROOMS).map(show), total: ranked.size };
    snapshots.set(revision, { snapshot, goneAt: Number.POSITIVE_INFINITY });
    return snapshot;
  }

  return {
    touch(instance, touches) {
      sweep();
      const at = now();
      const late: number[] = [];
      for (const [index, touch] of touches.entries()) {
        const pair = `${touch.roomId} ${touch.visitorId}`;
        const key = `${touch.roomId} ${instance} ${touch.visitorId}`;
        const seenAt = Math.min(touch.at, at);
        const room = roomOf(touch.roomId);
        if (seenAt + windowMs > at) {
          const visit = { key: pair, room, pair, expiresAt: seenAt + windowMs };
          if (visits.extend(visit)) change(room, () => (room.recentVisitorCount += 1));
        }
        if (touch.kind === 'leave') {
          removeMember(key);
        } else if (touch.kind === 'join') {
          if (at - seenAt > LATE_JOIN_MS) late.push(index);
          else if (members.extend({ key, room, pair, expiresAt: seenAt + ONLINE_MS })) {
            const holders = present.get(pair) ?? 0;
            present.set(pair, holders + 1);
            if (holders === 0) changeOnline(room, 1);
          }
        }
      }
      return Promise.resolve({ ...answer(), late });
    },
    raise(raises) {
      sweep();
      const at = now();
      for (const raise of raises) {
        const room = roomOf(raise.roomId);
        const second = Math.floor(Math.min(raise.at, at) / 1000);
        if (second <= room.activeSecond && raise.number <= room.messageCount) continue;
        change(room, () => {
          room.activeSecond = Math.max(room.activeSecond, second);
          room.messageCount = Math.max(room.messageCount, raise.number);
        });
      }
      return Promise.resolve(answer());
    },
    counts(roomIds) {
      const more = sweep();
      const zero = { recentVisitorCount: 0, onlineCount: 0, messageCount: 0 };
      const counted = new Map(
        roomIds.map((roomId) => {
          const room = rooms.get(roomId);
          return [roomId, room === undefined ? { roomId, ...zero } : show(room)];
        }),
      );
      return Promise.resolve({ ...answer(), loaded: duties.loaded(), more, rooms: counted });
    },
    tick(knownEpoch, known) {
      const more = sweep();
      const at = now();
      const age = at - takenAt;
      const early = age >= 0 && age < intervalMs;
      const fresh = knownEpoch === epoch && known === revision;
      const taken = duties.loaded() && dirty && !more && fresh && !early ? take(at) : null;
      const waitMs = more || !fresh ? 0 : early && taken === null ? intervalMs - age : intervalMs;
      return Promise.resolve({ ...answer(), revision, taken, waitMs });
    },
    snapshot: (of, number) =>
      Promise.resolve(of === epoch ? (snapshots.get(number)?.snapshot ?? null) : null),
    beat(instance) {
      const duty = duties.next(instance, now());
      return Promise.resolve({ ...answer(), loaded: duties.loaded(), duty });
    },
    loading: (instance, of) => Promise.resolve(of === epoch && duties.keepLoading(instance, now())),
    fulfilled(instance, of, kind, startedAt) {
      const done = of === epoch && duties.fulfilled(instance, kind, startedAt, now());
      if (done && kind === 'load') dirty = true;
      return Promise.resolve(done);
    },
  };
}
