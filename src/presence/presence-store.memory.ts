import { MS_PER_SECOND, type Clock } from '../lib/clock.js';
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

/** A visitor in a room while it counts there. Its end is that of its visit; instances hold it while it is online. */
interface Person extends Expires {
  readonly room: Room;
  /** Room and visitor. */
  readonly key: string;
  /** Whether it is one of the room's recent visitors. */
  recent: boolean;
  holds: readonly Hold[];
}

interface Hold extends Expires {
  readonly person: Person;
  readonly instance: string;
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
  const people = new Map<string, Person>();
  const visits = createExpiring<Person>();
  const holds = createExpiring<Hold>();
  let made = 0;
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

  function personOf(room: Room, visitorId: string): Person {
    const key = `${room.roomId} ${visitorId}`;
    let person = people.get(key);
    if (person === undefined) {
      person = { room, key, recent: false, holds: [], expiresAt: 0, order: (made += 1) };
      people.set(key, person);
    }
    return person;
  }

  function dropUnlessCounted(person: Person): void {
    if (!person.recent && person.holds.length === 0) people.delete(person.key);
  }

  function visited(person: Person, expiresAt: number): void {
    if (person.recent) return visits.prolong(person, expiresAt);
    person.recent = true;
    person.expiresAt = expiresAt;
    visits.add(person);
    change(person.room, () => (person.room.recentVisitorCount += 1));
  }

  function held(person: Person, instance: string, expiresAt: number): void {
    const known = person.holds.find((hold) => hold.instance === instance);
    if (known !== undefined) return holds.prolong(known, expiresAt);
    const hold = { person, instance, expiresAt, order: (made += 1) };
    if (person.holds.length === 0) changeOnline(person.room, 1);
    // No longer than it must be: most are held once, and a list that grows by itself has room for sixteen more.
    person.holds = person.holds.concat(hold);
    holds.add(hold);
  }

  function letGo(hold: Hold): void {
    const { person } = hold;
    holds.remove(hold);
    person.holds = person.holds.filter((each) => each !== hold);
    if (person.holds.length === 0) changeOnline(person.room, -1);
    dropUnlessCounted(person);
  }

  /** Takes away a slice of what expired; whether some is left. */
  function sweep(): boolean {
    const at = now();
    for (let rest = SWEEP_SLICE; rest > 0; rest -= 1) {
      const person = visits.ended(at);
      if (person === undefined) break;
      visits.remove(person);
      person.recent = false;
      change(person.room, () => (person.room.recentVisitorCount -= 1));
      dropUnlessCounted(person);
    }
    for (let rest = SWEEP_SLICE, hold = holds.ended(at); rest > 0 && hold; rest -= 1) {
      letGo(hold);
      hold = holds.ended(at);
    }
    return visits.ended(at) !== undefined || holds.ended(at) !== undefined;
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
        const seenAt = Math.min(touch.at, at);
        const person = personOf(roomOf(touch.roomId), touch.visitorId);
        if (seenAt + windowMs > at) visited(person, seenAt + windowMs);
        if (touch.kind === 'leave') {
          for (const hold of person.holds) if (hold.instance === instance) letGo(hold);
        } else if (touch.kind === 'join') {
          if (at - seenAt > LATE_JOIN_MS) late.push(index);
          else held(person, instance, seenAt + ONLINE_MS);
        }
        dropUnlessCounted(person);
      }
      return Promise.resolve({ ...answer(), late });
    },
    raise(raises) {
      sweep();
      const at = now();
      for (const raise of raises) {
        const room = roomOf(raise.roomId);
        const second = Math.floor(Math.min(raise.at, at) / MS_PER_SECOND);
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
      const early = age < intervalMs;
      const fresh = knownEpoch === epoch && known === revision;
      const taken = duties.loaded() && dirty && !more && fresh && !early ? take(at) : null;
      const waitMs = more || !fresh ? 0 : early ? intervalMs - age : intervalMs;
      return Promise.resolve({ ...answer(), revision, taken, waitMs });
    },
    snapshot: (of, number) =>
      Promise.resolve(of === epoch ? (snapshots.get(number)?.snapshot ?? null) : null),
    beat: (instance) =>
      Promise.resolve({ duty: duties.next(instance, now()), ...answer(), loaded: duties.loaded() }),
    loading: (instance, of) => Promise.resolve(of === epoch && duties.keepLoading(instance, now())),
    fulfilled: (instance, of, kind, startedAt) =>
      Promise.resolve(of === epoch && duties.fulfilled(instance, kind, startedAt, now())),
  };
}
