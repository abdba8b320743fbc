import { useEffect } from 'react';
import { useClient } from 'urql';
import {
  RoomHeaderDocument,
  useShownRoomsQuery,
  type RoomHeaderQuery,
  type RoomHeaderQueryVariables,
} from '../__generated__/operations.js';
import { WATCHED_ROOMS } from '../rooms/watched-rooms.js';
import { usePageVisible } from '../ui/use-page-visible.js';

/** An open room that the watched list does not keep fresh is asked for this often, in milliseconds. */
const REFRESH_MS = 5000;

/** Keeps the counts of an open room fresh, wherever it is in the list, while the page is seen. */
export function useFreshCounts(roomId: string): void {
  const client = useClient();
  const visible = usePageVisible();
  const [{ data }] = useShownRoomsQuery({ variables: { first: WATCHED_ROOMS }, requestPolicy: 'cache-only' });
  const list = data?.rooms?.nodes;
  const watched = list === undefined || list.some(({ id }) => id === roomId);

  useEffect(() => {
    if (watched || !visible) return undefined;
    const timer = setInterval(() => {
      const options = { requestPolicy: 'network-only' } as const;
      void client
        .query<RoomHeaderQuery, RoomHeaderQueryVariables>(RoomHeaderDocument, { id: roomId }, options)
        .toPromise();
    }, REFRESH_MS);
    return () => clearInterval(timer);
  }, [client, roomId, watched, visible]);
}
