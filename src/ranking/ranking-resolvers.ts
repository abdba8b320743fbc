import type { Context } from '../context.js';
import type { Resolvers, SubscriptionRoomsChangedArgs } from '../graphql/__generated__/resolvers-types.js';
import { pageSize } from '../graphql/connection.js';
import { toGlobalId } from '../graphql/node.js';
import type { RoomParent } from '../graphql/parents.js';
import type { SubscriptionField } from '../graphql/subscription-field.js';
import type { RankingChange, Standing } from './ranking-service.js';

/** The room of a standing, as the newest snapshot has it. */
async function roomOf(standing: Standing, { services, loaders }: Context): Promise<RoomParent> {
  const record = services.rooms.cached(standing.roomId) ?? (await loaders.room.load(standing.roomId));
  if (record === null) throw new Error(`The ranking lists an unknown room ${standing.roomId}`);
  return { record, standing };
}

export const rankingResolvers = {
  Query: {
    rooms: (_root, { first, after }, { services, signal }) =>
      services.ranking.page(pageSize('first', first), after ?? null, signal),
  },
  RoomConnection: {
    edges: ({ entries }) => [...entries],
    nodes: ({ entries }, _args, context) => entries.map(({ standing }) => roomOf(standing, context)),
    pageInfo: ({ entries, hasNextPage, hasPreviousPage }) => ({
      hasNextPage,
      hasPreviousPage,
      startCursor: entries.at(0)?.cursor ?? null,
      endCursor: entries.at(-1)?.cursor ?? null,
    }),
  },
  RoomEdge: {
    node: ({ standing }, _args, context) => roomOf(standing, context),
  },
  RoomsChangedEvent: {
    rooms: ({ standings }, _args, context) => standings.map((standing) => roomOf(standing, context)),
    order: ({ order }) => order?.map((roomId) => toGlobalId('Room', roomId)) ?? null,
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
