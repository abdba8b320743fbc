import { Client, makeResult, type Exchange } from 'urql';
import { map, pipe, subscribe } from 'wonka';
import { expect, it } from 'vitest';
import { createMemoryStorage } from '../../../client/kit/index.js';
import {
  MoreRoomsDocument,
  RoomsAgainDocument,
  ShownBelowDocument,
  type ShownBelowQuery,
  type ShownBelowQueryVariables,
} from '../../../client/src/__generated__/operations.js';
import { cache } from '../../../client/src/graphql/cache.js';
import { createKeptCache } from '../../../client/src/graphql/kept-cache.js';

const room = (id: string, recentVisitorCount: number) => ({
  __typename: 'Room',
  id,
  name: `Room ${id}`,
  recentVisitorCount,
  onlineCount: 0,
  messageCount: 0,
  latestMessage: null,
});

/** A client whose server has these numbers of visitors. */
function start(visitors: Record<string, number>) {
  const rooms = () => Object.entries(visitors).map(([id, count]) => room(id, count));
  const server: Exchange = () => (operations$) =>
    pipe(
      operations$,
      map((operation) => {
        const pageInfo = { __typename: 'PageInfo', hasNextPage: false, endCursor: null };
        const data =
          'first' in (operation.variables ?? {})
            ? { rooms: { __typename: 'RoomConnection', nodes: rooms(), pageInfo } }
            : { nodes: rooms() };
        return makeResult(operation, { data, hasNext: false });
      }),
    );
  const exchanges = [cache(createKeptCache(createMemoryStorage()).adapter), server];
  return new Client({ url: 'http://localhost/graphql', preferGetMethod: false, exchanges });
}

it('is the one place of the rooms below the watched ones: what is read of them anywhere shows in the list', async () => {
  const visitors = { a: 1, b: 2 };
  const client = start(visitors);
  const fresh = { requestPolicy: 'network-only' } as const;
  await client.query(MoreRoomsDocument, { first: 100, after: null }, fresh).toPromise();
  const shown: unknown[] = [];
  const { unsubscribe } = pipe(
    client.query<ShownBelowQuery, ShownBelowQueryVariables>(
      ShownBelowDocument,
      { ids: ['b', 'a', 'never read'] },
      { requestPolicy: 'cache-only' },
    ),
    subscribe(({ data }) =>
      shown.push(
        data?.nodes?.map((node) => (node !== null && 'name' in node ? node.recentVisitorCount : null)),
      ),
    ),
  );
  expect(shown).toEqual([[2, 1, null]]);
  visitors.b = 7;
  await client.query(RoomsAgainDocument, { ids: ['a', 'b'] }, fresh).toPromise();
  expect(shown.at(-1)).toEqual([7, 1, null]);
  unsubscribe();
});
