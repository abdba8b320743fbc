import type { Resolvers } from '../graphql/__generated__/resolvers-types.js';

export const settingsResolvers = {
  Query: {
    settings: (_root, _args, { services }) => services.settings,
  },
} satisfies Resolvers;
