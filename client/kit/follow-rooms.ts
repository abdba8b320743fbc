import type { Sink } from './connection.js';
import { systemEnvironment, type Environment } from './environment.js';
import { keepSubscribed } from './keep-subscribed.js';
import type { RequestError } from './request-error.js';
import { createStore, type Readable } from './store.js';

/** One step of the watched list: `RoomsChangedEvent`. */
export interface RoomsChange<Room extends { readonly id: string }> {
  readonly cursor: string;
  readonly complete: boolean;
  readonly rooms: readonly Room[];
  readonly order: readonly string[] | null;
}

/** The top of the list, as it was read. */
export interface RoomListPage<Room extends { readonly id: string }> {
  readonly rooms: readonly Room[];
  readonly resumeCursor: string;
}

/** Where the list comes from, with whatever fields the caller asks for. */
export interface RoomListSource<Room extends { readonly id: string }> {
  /** Reads the top of the list, as many rooms as `subscribe` watches. */
  readPage(): Promise<RoomListPage<Room>>;
  /** Opens `roomsChanged`; `after` is read at each try. */
  subscribe(after: () => string | null, sink: Sink<RoomsChange<Room>>): () => void;
}

/** Where the list lives: `createRoomList`, or a cache of the caller's that takes both from its client already. */
export interface RoomListTarget<Room extends { readonly id: string }> {
  replace(rooms: readonly Room[]): void;
  apply(change: RoomsChange<Room>): void;
}

/** How following the list goes. */
export interface RoomListState {
  readonly phase: 'loading' | 'ready' | 'ended' | 'failed';
  /** What is being tried again, or, with `failed`, what cannot be. */
  readonly problem: RequestError | null;
}

/** Applies one change: `rooms` first, then `order`. Rooms that `order` does not name have left. */
export function applyRoomsChange<Room extends { readonly id: string }>(
  list: readonly Room[],
  change: RoomsChange<Room>,
): readonly Room[] {
  const known = new Map([...(change.complete ? [] : list), ...change.rooms].map((room) => [room.id, room]));
  const order = change.order ?? (change.complete ? change.rooms : list).map((room) => room.id);
  return order.flatMap((id) => known.get(id) ?? []);
}

/** Holds the list for callers without a cache of their own. */
export function createRoomList<Room extends { readonly id: string }>(): RoomListTarget<Room> & {
  readonly rooms: Readable<readonly Room[]>;
} {
  const rooms = createStore<readonly Room[]>([]);
  return {
    rooms,
    replace: (page) => rooms.set(page),
    apply: (change) => rooms.set(applyRoomsChange(rooms.get(), change)),
  };
}

/** Follows the top of the room list until `stop`: a page, then every folded change, over reconnects and restarts. */
export function followRooms<Room extends { readonly id: string }>({
  source,
  target,
  environment = systemEnvironment,
}: {
  source: RoomListSource<Room>;
  target: RoomListTarget<Room>;
  environment?: Environment;
}) {
  const state = createStore<RoomListState>({ phase: 'loading', problem: null });
  let cursor: string | null = null;
  const stop = keepSubscribed<RoomListPage<Room>, RoomsChange<Room>>(
    {
      readNewest: () => source.readPage(),
      replace(page) {
        cursor = page.resumeCursor;
        target.replace(page.rooms);
        state.set({ phase: 'ready', problem: null });
      },
      open: (sink) => source.subscribe(() => cursor, sink),
      take(change) {
        if (change.cursor === cursor) return 'repeat';
        cursor = change.cursor;
        target.apply(change);
        return 'taken';
      },
      problem: (problem) => {
        if (problem !== state.get().problem) state.set({ ...state.get(), problem });
      },
      over: (reason, problem) => state.set({ phase: reason === 'ended' ? 'ended' : 'failed', problem }),
    },
    environment,
  );
  return { state: state as Readable<RoomListState>, stop };
}
