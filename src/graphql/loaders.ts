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
export const MAX_LOAD_BATCH = 200;

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

interface Sources {
  readonly rooms: RoomService;
  readonly visitors: VisitorService;
  readonly presence: PresenceService;
  readonly messages: MessageService;
}

const batched = { maxBatchSize: MAX_LOAD_BATCH };

/** Loads by identifier what `read` gives of many; `missing` stands for what it does not find. */
const byId = <Item, Missing extends Item | null>(
  read: (ids: readonly string[]) => Promise<ReadonlyMap<string, Item>>,
  missing: Missing,
): DataLoader<string, Item | Missing> =>
  new DataLoader(async (ids) => {
    const found = await read(ids);
    return ids.map((id) => found.get(id) ?? missing);
  }, batched);

/**
 * Each loader is made when it is first asked for: most operations, and nearly all events of a shared execution,
 * need none. A class for the reason that the context is one.
 */
class LazyLoaders implements Loaders {
  readonly #sources: Sources;
  readonly #signal: AbortSignal;
  #room: Loaders['room'] | undefined;
  #visitor: Loaders['visitor'] | undefined;
  #counts: Loaders['counts'] | undefined;
  #newestMessage: Loaders['newestMessage'] | undefined;
  #message: Loaders['message'] | undefined;

  constructor(sources: Sources, signal: AbortSignal) {
    this.#sources = sources;
    this.#signal = signal;
  }

  get room(): Loaders['room'] {
    return (this.#room ??= byId((ids) => this.#sources.rooms.byIds(ids, this.#signal), null));
  }

  get visitor(): Loaders['visitor'] {
    return (this.#visitor ??= byId((ids) => this.#sources.visitors.byIds(ids, this.#signal), null));
  }

  get counts(): Loaders['counts'] {
    return (this.#counts ??= byId((ids) => this.#sources.presence.counts(ids), NO_VISITORS));
  }

  get newestMessage(): Loaders['newestMessage'] {
    return (this.#newestMessage ??= new DataLoader(
      (ids) => Promise.all(ids.map((id) => this.#sources.messages.newest(id, this.#signal))),
      batched,
    ));
  }

  get message(): Loaders['message'] {
    return (this.#message ??= new DataLoader<LogPosition, Message | null, string>(
      async (positions) => {
        const messages = await this.#sources.messages.at(positions, this.#signal);
        const found = new Map(messages.map((message) => [keyOf(message), message]));
        return positions.map((position) => found.get(keyOf(position)) ?? null);
      },
      { ...batched, cacheKeyFn: keyOf },
    ));
  }
}

export const createLoaders = (sources: Sources, signal: AbortSignal): Loaders =>
  new LazyLoaders(sources, signal);
