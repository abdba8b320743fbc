import type { Resolvers } from '../graphql/__generated__/resolvers-types.js';
import { roomIdOf } from '../graphql/node.js';
import { requireViewer } from '../graphql/viewer.js';
import type { Problem } from '../lib/problem.js';
import { callProblem } from '../limits/call-problem.js';

const noSuchRoom: Problem = { code: 'ROOM_NOT_FOUND', message: 'There is no such room.', field: 'roomId' };

export const presenceResolvers = {
  Mutation: {
    async visitRoom(_root, { input }, context) {
      const viewer = requireViewer(context);
      const { loaders, services, signal } = context;
      const tooMany = await callProblem(services.limits, viewer.id);
      if (tooMany !== null) return { userErrors: [tooMany] };
      const roomId = roomIdOf(input.roomId);
      const record = roomId === null ? null : await loaders.room.load(roomId);
      if (record === null) return { userErrors: [noSuchRoom] };
      await services.visitors.ensure(viewer, signal);
      await services.presence.visit(record.id, viewer.id);
      return { room: { record }, userErrors: [] };
    },
  },
  Room: {
    recentVisitorCount: async ({ record, standing }, _args, { loaders }) =>
      standing?.recentVisitorCount ?? (await loaders.counts.load(record.id)).recentVisitorCount,
    onlineCount: async ({ record, standing }, _args, { loaders }) =>
      standing?.onlineCount ?? (await loaders.counts.load(record.id)).onlineCount,
  },
} satisfies Resolvers;
