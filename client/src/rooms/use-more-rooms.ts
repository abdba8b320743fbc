import { useCallback, useRef, useState } from 'react';
import { useClient } from 'urql';
import {
  MoreRoomsDocument,
  RoomsAgainDocument,
  useShownBelowQuery,
  type MoreRoomsQuery,
  type MoreRoomsQueryVariables,
  type RoomRowFragment,
  type RoomsAgainQuery,
  type RoomsAgainQueryVariables,
  type ShownBelowQuery,
} from '../__generated__/operations.js';
import { WATCHED_ROOMS } from './watched-rooms.js';

/** Which rooms were read of the list, page by page, in the order of that time. The rooms themselves are the cache's. */
interface Held {
  readonly ids: string[];
  /** Null before the first page. */
  readonly cursor: string | null;
  readonly more: boolean;
}

const NOTHING: Held = { ids: [], cursor: null, more: true };

/** So many rooms are read again at once. */
const GROUP_SIZE = 25;

/**
 * The rooms below those that are watched: read when they are asked for, and not live, so that those in view are to be
 * read again now and then. A room that falls out of the watched ones stays in the list once pages are read, since the
 * first page read holds it too.
 */
export function useMoreRooms(watched: readonly RoomRowFragment[]) {
  const client = useClient();
  const [held, setHeld] = useState(NOTHING);
  const reading = useRef(false);
  const [{ data: below }] = useShownBelowQuery({
    variables: { ids: held.ids },
    requestPolicy: 'cache-only',
  });

  const read = useCallback(
    async (before: Held): Promise<Held> => {
      const variables = { first: WATCHED_ROOMS, after: before.cursor };
      const { data } = await client
        .query<MoreRoomsQuery, MoreRoomsQueryVariables>(MoreRoomsDocument, variables, {
          requestPolicy: 'network-only',
        })
        .toPromise();
      // Without an answer the order that the cursor is of is gone: the next try begins with the first page.
      if (data?.rooms == null) return { ...before, cursor: null };
      const { nodes, pageInfo } = data.rooms;
      return {
        ids: [...new Set([...before.ids, ...nodes.map(({ id }) => id)])],
        cursor: pageInfo.endCursor,
        more: pageInfo.hasNextPage,
      };
    },
    [client],
  );

  /** Whether there are rooms that were not read. */
  const more = held.more && watched.length >= WATCHED_ROOMS;

  /** Reads the next page; does nothing while one is read, and when there is none. */
  const wantMore = useCallback(() => {
    if (reading.current || !more) return;
    reading.current = true;
    const next = async () => {
      const page = await read(held);
      setHeld(held.cursor === null && page.cursor !== null && page.more ? await read(page) : page);
      reading.current = false;
    };
    void next();
  }, [held, more, read]);

  const above = new Set(watched.map(({ id }) => id));

  /** Reads those of these rooms again that are not watched, with their neighbours. */
  async function readAgain(ids: readonly string[]): Promise<void> {
    const asked = new Set(ids);
    for (let start = 0; start < held.ids.length; start += GROUP_SIZE) {
      const group = held.ids.slice(start, start + GROUP_SIZE);
      if (!group.some((id) => asked.has(id) && !above.has(id))) continue;
      await client
        .query<RoomsAgainQuery, RoomsAgainQueryVariables>(
          RoomsAgainDocument,
          { ids: group },
          { requestPolicy: 'network-only' },
        )
        .toPromise();
    }
  }

  const rooms = (below?.nodes ?? []).filter(isRoom).filter(({ id }) => !above.has(id));
  return { rooms: [...watched, ...rooms], more, wantMore, readAgain };
}

/** Nothing, and an object without fields, stand for what is no room, or none any more. */
function isRoom(node: NonNullable<ShownBelowQuery['nodes']>[number]): node is RoomRowFragment {
  return node !== null && 'name' in node;
}
