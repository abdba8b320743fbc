import type { Context } from '../context.js';
import { CodedError } from '../lib/coded-error.js';
import type { Resolvers } from './__generated__/resolvers-types.js';
import { MAX_PAGE_SIZE } from './connection.js';
import { fromGlobalId } from './node.js';
import type { MessageParent, RoomParent, VisitorParent } from './parents.js';

/** The object behind an identifier; null when there is none that the viewer may see. */
async function fetchNode(
  globalId: string,
  { loaders, services, viewer, signal }: Context,
): Promise<RoomParent | VisitorParent | MessageParent | null> {
  const ref = fromGlobalId(globalId);
  if (ref === null) return null;
  if (ref.type === 'Message') return loaders.message.load({ logId: ref.roomId, number: ref.number });
  if (ref.type === 'Visitor') {
    // A visitor that was never stored is known to itself alone.
    return viewer?.id === ref.id ? services.visitors.self(viewer, signal) : loaders.visitor.load(ref.id);
  }
  const record = await loaders.room.load(ref.id);
  return record && { record };
}

export const commonResolvers = {
  Query: {
    node: (_root, { id }, context) => fetchNode(id, context),
    nodes(_root, { ids }, context) {
      if (ids.length > MAX_PAGE_SIZE) {
        throw new CodedError(
          'BAD_USER_INPUT',
          `"ids" must hold at most ${MAX_PAGE_SIZE} identifiers, not ${ids.length}.`,
        );
      }
      return Promise.all(ids.map((id) => fetchNode(id, context)));
    },
  },
  Node: {
    __resolveType: (node) => ('record' in node ? 'Room' : 'displayName' in node ? 'Visitor' : 'Message'),
  },
  UserError: {
    field: ({ field }) => (field === undefined ? null : ['input', field]),
    retryAfterMs: ({ retryAfterMs }) => retryAfterMs ?? null,
    async existingRoom({ existingRoomId }, _args, { loaders }) {
      const record = existingRoomId === undefined ? null : await loaders.room.load(existingRoomId);
      return record && { record };
    },
  },
} satisfies Resolvers;
