import type { Client } from 'urql';
import { onEnd, pipe, subscribe } from 'wonka';
import { followRooms, RESUME_AFTER, toRequestError } from '../../kit/index.js';
import {
  RoomListDocument,
  RoomsChangedDocument,
  type RoomListQuery,
  type RoomListQueryVariables,
  type RoomRowFragment,
  type RoomsChangedSubscription,
  type RoomsChangedSubscriptionVariables,
} from '../__generated__/operations.js';
import { WATCHED_ROOMS } from './watched-rooms.js';

/** Keeps the top of the room list fresh. The rooms themselves go where all results of this client go: its cache. */
export function followRoomList(client: Client) {
  return followRooms<RoomRowFragment>({
    source: {
      async readPage() {
        const { data, error } = await client
          .query<RoomListQuery, RoomListQueryVariables>(
            RoomListDocument,
            { first: WATCHED_ROOMS },
            { requestPolicy: 'network-only' },
          )
          .toPromise();
        const rooms = data?.rooms;
        if (rooms == null) throw toRequestError(error);
        return { rooms: rooms.nodes, resumeCursor: rooms.resumeCursor };
      },
      subscribe(after, sink) {
        const changes = client.subscription<RoomsChangedSubscription, RoomsChangedSubscriptionVariables>(
          RoomsChangedDocument,
          { first: WATCHED_ROOMS },
          { [RESUME_AFTER]: after },
        );
        const subscription = pipe(
          changes,
          onEnd(() => sink.complete()),
          subscribe(({ data, error }) => {
            if (error !== undefined) sink.error(toRequestError(error));
            else if (data !== undefined) sink.next(data.roomsChanged);
          }),
        );
        return () => subscription.unsubscribe();
      },
    },
    target: { replace: () => {}, apply: () => {} },
  });
}
