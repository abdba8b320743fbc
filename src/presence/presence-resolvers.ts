import type { Resolvers } from '../graphql/__generated__/resolvers-types.js';
import { roomIdOf } from '../graphql/node.js';
import { requireViewer } from '../graphql/viewer.js';

export const presenceResolvers = {
  Mutation: {
    async visitRoom(_root, { input }, context) {
      const viewer = requireViewer(context);
      const roomId = roomIdOf(input.roomId);
      const result = await context.services.rooms.visit(viewer, roomId, context.signal);
      return result.ok
        ? { room: { record: result.value }, userErrors: [] }
        : { userErrors: [...result.problems] };
    },
  },
  Room: {
    recentVisitorCount: async ({ record, standing }, _args, { loaders }) =>
      standing?.recentVisitorCount ?? (await loaders.counts.load(record.id)).recentVisitorCount,
    onlineCount: async ({ record, standing }, _args, { loaders }) =>
      standing?.onlineCount ?? (await loaders.counts.load(record.id)).onlineCount,
  },
} satisfies Resolvers;
