import type { Resolvers } from '../graphql/__generated__/resolvers-types.js';
import { toGlobalId } from '../graphql/node.js';
import { requireViewer } from '../graphql/viewer.js';

export const visitorResolvers = {
  Query: {
    viewer: (_root, _args, { viewer, services, signal }) =>
      viewer === null ? null : services.visitors.self(viewer, signal),
  },
  Mutation: {
    async createVisitor(_root, { input }, { viewer, services, address, signal, tokenIssued }) {
      const result =
        viewer === null
          ? await services.visitors.create(input.displayName ?? null, address, signal)
          : await services.visitors.renew(viewer, signal);
      if (!result.ok) return { userErrors: [...result.problems] };
      const { visitor, token, expiresAt } = result.value;
      tokenIssued(result.value);
      return { visitor, token, expiresAt, userErrors: [] };
    },
    async renameViewer(_root, { input }, context) {
      const viewer = requireViewer(context);
      const result = await context.services.visitors.rename(viewer, input.displayName, context.signal);
      return result.ok ? { visitor: result.value, userErrors: [] } : { userErrors: [...result.problems] };
    },
  },
  Visitor: {
    id: (visitor) => toGlobalId('Visitor', visitor.id),
  },
} satisfies Resolvers;
