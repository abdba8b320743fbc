import { cacheExchange, type Cache, type StorageAdapter } from '@urql/exchange-graphcache';
import type { Exchange } from 'urql';
import type { RoomsChangedSubscription } from '../__generated__/operations.js';

/** Types that live within their parent. */
const EMBEDDED = [
  'ChatSettings',
  'RoomConnection',
  'RoomsChangedEvent',
  'CreateRoomPayload',
  'RenameViewerPayload',
  'UserError',
];

/** The normalised cache: rooms, visitors, settings. Messages of a room are the kit's, not here. */
export function cache(kept: StorageAdapter): Exchange {
  return cacheExchange({
    storage: kept,
    keys: Object.fromEntries(EMBEDDED.map((typename) => [typename, () => null])),
    resolvers: {
      Query: {
        // A room of the list is known already when it is opened.
        room: (_query, { id }: { id: string }) => ({ __typename: 'Room', id }),
        // And those of its pages, wherever they were read; one that nothing links to any more is forgotten.
        nodes: (_query, { ids }: { ids: string[] }, store) =>
          ids
            .map((id) => ({ __typename: 'Room', id }))
            .map((room) => (store.resolve(room, 'name') === undefined ? null : room)),
      },
    },
    updates: {
      Subscription: {
        roomsChanged: (
          { roomsChanged }: RoomsChangedSubscription,
          { first }: { first: number },
          store: Cache,
        ) => orderRooms(store, first, roomsChanged),
      },
    },
  });
}

/** The rooms of the event are in the cache by now, each in its new state; what is left is their order. */
function orderRooms(store: Cache, first: number, { order }: RoomsChangedSubscription['roomsChanged']): void {
  const list = store.resolve('Query', 'rooms', { first });
  if (order === null || typeof list !== 'string') return;
  const keys = order.map((id) => store.keyOfEntity({ __typename: 'Room', id }));
  store.link(
    list,
    'nodes',
    keys.filter((key) => key !== null),
  );
}
