import type { Resolvers } from '../graphql/__generated__/resolvers-types.js';
import { roomIdOf, toGlobalId } from '../graphql/node.js';
import { requireViewer } from '../graphql/viewer.js';

export const roomResolvers = {
  Query: {
    async room(_root, { id }, { loaders }) {
      const roomId = roomIdOf(id);
      const record = roomId === null ? null : await loaders.room.load(roomId);
      return record && { record };
    },
    async roomByName(_root, { name }, { services, signal }) {
      const record = await services.rooms.byName(name, signal);
      return record && { record };
    },
  },
  Mutation: {
    async createRoom(_root, { input }, context) {
      const viewer = requireViewer(context);
      const result = await context.services.rooms.create(viewer, input.name, context.signal);
      return result.ok
        ? { room: { record: result.value }, userErrors: [] }
        : { userErrors: [...result.problems] };
    },
  },
  Room: {
    id: ({ record }) => toGlobalId('Room', record.id),
    name: ({ record }) => record.name,
    createdAt: ({ record }) => record.createdAt,
  },
} satisfies Resolvers;
