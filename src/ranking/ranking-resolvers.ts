import type { Context } from '../context.js';
import type { Resolvers, SubscriptionRoomsChangedArgs } from '../graphql/__generated__/resolvers-types.js';
import { pageSize } from '../graphql/connection.js';
import { toGlobalId } from '../graphql/node.js';
import type { RoomParent } from '../graphql/parents.js';
import type { SubscriptionField } from '../graphql/subscription-field.js';
import type { RankingChange, Standing } from './rank.js';

/** What is listed and is not there: the presence store outlived a database that was replaced by an older one. */
const existing = <Item>(items: readonly (Item | null)[]): Item[] => items.filter((item) => item !== null);

/** The room of a standing, as the newest snapshot has it; null when the store does not have it. */
async function roomOf(standing: Standing, { services, loaders }: Context): Promise<RoomParent | null> {
  const record = services.rooms.cached(standing.roomId) ?? (await loaders.room.load(standing.roomId));
  return record === null ? null : { record, standing };
}

const roomsOf = async (standings: readonly Standing[], context: Context): Promise<RoomParent[]> =>
  existing(await Promise.all(standings.map((standing) => roomOf(standing, context))));

async function globalIdOf(roomId: string, { services, loaders }: Context): Promise<string | null> {
  const record = services.rooms.cached(roomId) ?? (await loaders.room.load(roomId));
  return record === null ? null : toGlobalId('Room', roomId);
}

export const rankingResolvers = {
  Query: {
    rooms: (_root, { first, after }, { services, signal }) =>
      services.ranking.page(pageSize('first', first), after ?? null, signal),
  },
  RoomConnection: {
    async edges({ entries }, _args, context) {
      const rooms = await Promise.all(entries.map(({ standing }) => roomOf(standing, context)));
      return entries.flatMap((entry, place) => {
        const room = rooms[place] ?? null;
        return room === null ? [] : [{ cursor: entry.cursor, room }];
      });
    },
    nodes: ({ entries }, _args, context) =>
      roomsOf(
        entries.map(({ standing }) => standing),
        context,
      ),
    pageInfo: ({ entries, hasNextPage, hasPreviousPage }) => ({
      hasNextPage,
      hasPreviousPage,
      startCursor: entries.at(0)?.cursor ?? null,
      endCursor: entries.at(-1)?.cursor ?? null,
    }),
  },
  RoomEdge: {
    node: ({ room }) => room,
  },
  RoomsChangedEvent: {
    rooms: ({ standings }, _args, context) => roomsOf(standings, context),
    order: async ({ order }, _args, context) =>
      order === null ? null : existing(await Promise.all(order.map((roomId) => globalIdOf(roomId, context)))),
  },
} satisfies Resolvers;

export const roomsChanged: SubscriptionField<SubscriptionRoomsChangedArgs, string, RankingChange> = {
  startArguments: ['after'],
  after: ({ after }) => after ?? null,
  async authorize({ first }) {
    pageSize('first', first);
  },
  follow: ({ first }, { ranking }) => ranking.follow(pageSize('first', first)),
  onJoin: () => () => undefined,
};
