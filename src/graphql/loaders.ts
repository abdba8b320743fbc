import DataLoader from 'dataloader';
import type { LogPosition } from '../log/log-store.js';
import type { Message } from '../messages/message.js';
import type { MessageService } from '../messages/message-service.js';
import type { PresenceService } from '../presence/presence-service.js';
import type { RoomCounts } from '../presence/room-counter.js';
import type { RoomService } from '../rooms/room-service.js';
import type { RoomRecord } from '../rooms/room-store.js';
import type { Visitor } from '../visitors/visitor.js';
import type { VisitorService } from '../visitors/visitor-service.js';

/** What a store port takes in one call. */
const MAX_BATCH = 200;

/** Reads batched by turn and remembered for one operation, or for one event of a shared execution. */
export interface Loaders {
  readonly room: DataLoader<string, RoomRecord | null>;
  readonly visitor: DataLoader<string, Visitor | null>;
  readonly counts: DataLoader<string, RoomCounts>;
  readonly newestMessage: DataLoader<string, Message | null>;
  readonly message: DataLoader<LogPosition, Message | null, string>;
}

const keyOf = ({ logId, number }: LogPosition): string => `${logId}:${number}`;
const NO_VISITORS: RoomCounts = { recentVisitorCount: 0, onlineCount: 0 };

/**
 * Each loader is made when it is first asked for: most operations, and nearly all events of a shared execution,
 * need none.
 */
export function createLoaders(
  {
    rooms,
    visitors,
    presence,
    messages,
  }: { rooms: RoomService; visitors: VisitorService; presence: PresenceService; messages: MessageService },
  signal: AbortSignal,
): Loaders {
  const batched = { maxBatchSize: MAX_BATCH };
  const made: { -readonly [Name in keyof Loaders]?: Loaders[Name] } = {};
  return {
    get room() {
      return (made.room ??= new DataLoader(async (ids) => {
        const found = await rooms.byIds(ids, signal);
        return ids.map((id) => found.get(id) ?? null);
      }, batched));
    },
    get visitor() {
      return (made.visitor ??= new DataLoader(async (ids) => {
        const found = await visitors.byIds(ids, signal);
        return ids.map((id) => found.get(id) ?? null);
      }, batched));
    },
    get counts() {
      return (made.counts ??= new DataLoader(async (ids) => {
        const found = await presence.counts(ids);
        return ids.map((id) => found.get(id) ?? NO_VISITORS);
      }, batched));
    },
    get newestMessage() {
      return (made.newestMessage ??= new DataLoader(
        (ids) => Promise.all(ids.map((id) => messages.newest(id, signal))),
        batched,
      ));
    },
    get message() {
      return (made.message ??= new DataLoader<LogPosition, Message | null, string>(
        async (positions) => {
          const found = new Map(
            (await messages.at(positions, signal)).map((message) => [keyOf(message), message]),
          );
          return positions.map((position) => found.get(keyOf(position)) ?? null);
        },
        { ...batched, cacheKeyFn: keyOf },
      ));
    },
  };
}
