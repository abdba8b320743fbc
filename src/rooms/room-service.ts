import { LRUCache } from 'lru-cache';
import type { Clock } from '../lib/clock.js';
import type { Ids } from '../lib/ids.js';
import { refuse, type Result, succeed } from '../lib/problem.js';
import { codePoints, nameKey, normalizeText, textProblems } from '../lib/text.js';
import { throughCache } from '../lib/through-cache.js';
import { callProblem } from '../limits/call-problem.js';
import type { RateLimits } from '../limits/rate-limits.js';
import type { PresenceService } from '../presence/presence-service.js';
import type { Viewer } from '../visitors/visitor.js';
import type { VisitorService } from '../visitors/visitor-service.js';
import { LONGEST_ROOM_NAME, type RoomRecord, type RoomStore } from './room-store.js';

/** A room's record never changes, so an instance may remember it for as long as it likes. */
const ROOMS_KEPT = 20_000;
export const NO_SUCH_ROOM = {
  code: 'ROOM_NOT_FOUND',
  message: 'There is no such room.',
  field: 'roomId',
} as const;

export type RoomService = ReturnType<typeof createRoomService>;

/** Rooms: unique names, made by anybody (docs/SPEC.md, ROOM-*). */
export function createRoomService({
  store,
  visitors,
  presence,
  limits,
  clock,
  ids,
  maxRoomNameLength,
}: {
  store: RoomStore;
  visitors: Pick<VisitorService, 'ensure'>;
  presence: Pick<PresenceService, 'roomCreated' | 'visit'>;
  limits: RateLimits;
  clock: Clock;
  ids: Ids;
  maxRoomNameLength: number;
}) {
  const known = new LRUCache<string, RoomRecord>({ max: ROOMS_KEPT });
  const rules = {
    kind: 'name',
    subject: 'The room name',
    field: 'name',
    maxLength: maxRoomNameLength,
  } as const;

  const byIds = (roomIds: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, RoomRecord>> =>
    throughCache(known, roomIds, (missing) => store.byIds(missing, signal));

  const byId = async (roomId: string, signal: AbortSignal): Promise<RoomRecord | null> =>
    known.get(roomId) ?? (await byIds([roomId], signal)).get(roomId) ?? null;

  /** Tells of a room that is stored, and counts its creator as the first visitor. Repeats do nothing. */
  async function announce({ id, createdAt }: RoomRecord, viewer: Viewer): Promise<void> {
    await presence.roomCreated(id, createdAt);
    await presence.visit(id, viewer.id);
  }

  return {
    /** Creates a room and counts its creator as the first visitor. A repeat finds the name taken. */
    async create(viewer: Viewer, givenName: string, signal: AbortSignal): Promise<Result<RoomRecord>> {
      const name = normalizeText(givenName);
      const [problem, ...others] = textProblems(name, rules);
      if (problem !== undefined) return refuse(problem, ...others);
      const retryAfterMs = await limits.consume('createRoomPerVisitor', viewer.id);
      if (retryAfterMs !== null) {
        return refuse({ code: 'RATE_LIMITED', message: 'Too many new rooms. Wait a little.', retryAfterMs });
      }
      await visitors.ensure(viewer, signal);
      const room = { id: ids.uuid(), name, createdAt: new Date(clock.now()) };
      const { taken } = await store.create({ ...room, nameKey: nameKey(name), creatorId: viewer.id }, signal);
      if (taken !== null) {
        // Its own earlier try, perhaps, whose answer was lost: nobody was told of the room then.
        if (taken.creatorId === viewer.id) await announce(taken, viewer);
        return refuse({
          code: 'ROOM_NAME_TAKEN',
          message: 'Another room already has this name.',
          field: 'name',
          existingRoomId: taken.id,
        });
      }
      known.set(room.id, room);
      await announce(room, viewer);
      return succeed(room);
    },

    /**
     * Counts the viewer as a visitor of the room, for one window more. Repeats are fine.
     *
     * @param roomId - null for an identifier that is none of a room.
     */
    async visit(viewer: Viewer, roomId: string | null, signal: AbortSignal): Promise<Result<RoomRecord>> {
      const tooMany = await callProblem(limits, viewer.id);
      if (tooMany !== null) return refuse(tooMany);
      const room = roomId === null ? null : await byId(roomId, signal);
      if (room === null) {
        return refuse(NO_SUCH_ROOM);
      }
      await visitors.ensure(viewer, signal);
      await presence.visit(room.id, viewer.id);
      return succeed(room);
    },

    /** Rooms by id; unknown ones are left out. */
    byIds,
    /** A room that this instance has read before, without asking the store. */
    cached: (roomId: string): RoomRecord | undefined => known.get(roomId),
    byId,
    /** The room of this name, compared as `create` compares it. */
    async byName(name: string, signal: AbortSignal): Promise<RoomRecord | null> {
      const normalized = normalizeText(name);
      // To fold what one character stands for may take eighteen times its length. The limit of today says nothing: the
      // room may be older.
      const isTooLong = normalized.length > LONGEST_ROOM_NAME && codePoints(normalized) > LONGEST_ROOM_NAME;
      return isTooLong || !normalized.isWellFormed() ? null : store.byNameKey(nameKey(normalized), signal);
    },
  };
}
