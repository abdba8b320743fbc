import type { Resolvers, SubscriptionMessageAddedArgs } from '../graphql/__generated__/resolvers-types.js';
import { pageRange } from '../graphql/connection.js';
import { messageGlobalId, roomIdOf } from '../graphql/node.js';
import type { RoomParent } from '../graphql/parents.js';
import type { SubscriptionField } from '../graphql/subscription-field.js';
import { requireViewer } from '../graphql/viewer.js';
import type { LogDelivery } from '../log/log.js';
import { cursorOf, idempotencyKeyOf, type Message } from './message.js';

/** Number of the newest message as far as it is at hand; null where the log must be asked. */
function countOf({ standing, toldWith = 0 }: RoomParent): number | null {
  const count = standing?.messageCount ?? null;
  return count === null ? null : Math.max(count, toldWith);
}

export const messageResolvers = {
  Mutation: {
    async sendMessage(_root, { input }, context) {
      const viewer = requireViewer(context);
      const { roomId, text, idempotencyKey } = input;
      const message = { roomId: roomIdOf(roomId), text, idempotencyKey: idempotencyKey ?? null };
      const result = await context.services.messages.send(viewer, message, context);
      return result.ok
        ? { ...result.value, userErrors: [] }
        : { duplicate: false, userErrors: [...result.problems] };
    },
  },
  Room: {
    messageCount: async (room, _args, { loaders }) =>
      countOf(room) ?? (await loaders.newestMessage.load(room.record.id))?.number ?? 0,
    latestMessage(room, _args, { loaders }) {
      const number = countOf(room);
      if (number === null) return loaders.newestMessage.load(room.record.id);
      return number === 0 ? null : loaders.message.load({ logId: room.record.id, number });
    },
    /**
     * Fails late, never at once: where one item of a list fails at once, graphql-js 16 leaves the items before it to
     * nobody, and their rejections end the process. So must every resolver do whose arguments can be wrong.
     */
    messages: async ({ record }, args, { services, signal }) =>
      services.messages.history(record.id, pageRange(args), signal),
  },
  MessageConnection: {
    edges: ({ records }) => records.map((node) => ({ node, cursor: cursorOf(node) })),
    nodes: ({ records }) => [...records],
    totalCount: ({ total }) => total,
    pageInfo({ records, hasNext, hasPrevious }) {
      const [first, last] = [records.at(0), records.at(-1)];
      return {
        hasNextPage: hasNext,
        hasPreviousPage: hasPrevious,
        startCursor: first === undefined ? null : cursorOf(first),
        endCursor: last === undefined ? null : cursorOf(last),
      };
    },
  },
  Message: {
    id: ({ logId, number }) => messageGlobalId(logId, number),
    async room({ logId, number }, _args, { services, loaders }) {
      const record = services.rooms.cached(logId) ?? (await loaders.room.load(logId));
      if (record === null) throw new Error(`Message of an unknown room ${logId}`);
      return { record, standing: services.ranking.standing(logId), toldWith: number };
    },
    // Loaders are made when they are first asked for: mostly they are not.
    author: ({ authorId }, _args, context) =>
      context.services.visitors.cached(authorId) ??
      context.loaders.visitor
        .load(authorId)
        .then((author) => author ?? context.services.visitors.unnamed(authorId)),
    text: ({ text }, _args, context) => context.tell(text),
    idempotencyKey: (message) => idempotencyKeyOf(message),
  },
  MessageAddedEvent: {
    message: ({ record }) => record,
  },
} satisfies Resolvers;

export const messageAdded: SubscriptionField<SubscriptionMessageAddedArgs, number, LogDelivery<Message>> = {
  startArguments: ['after'],
  after: ({ after }) => after ?? null,
  authorize: ({ roomId }, { services, signal }) =>
    services.messages.authorizeFollow(roomIdOf(roomId), signal),
  follow: ({ roomId }, { messages }) => messages.follow(roomIdOf(roomId) ?? ''),
  happenedAt: ({ record, replayed }) => (replayed ? null : record.createdAt),
  onJoin({ roomId: globalId }, { services, viewer }) {
    const roomId = roomIdOf(globalId);
    return viewer === null || roomId === null ? () => undefined : services.presence.join(roomId, viewer.id);
  },
};
