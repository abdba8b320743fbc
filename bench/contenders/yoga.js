/**
 * graphql-yoga with graphql-ws, as https://the-guild.dev/graphql/yoga-server/docs/features/subscriptions shows
 * it ("GraphQL over WebSocket Protocol via graphql-ws"), with Yoga's own pub/sub.
 */
import { createPubSub } from 'graphql-yoga';
import { topicOf } from './lib/graphql-chat.js';
import { serveYoga } from './lib/serve-yoga.js';

const pubSub = createPubSub();
await serveYoga({
  publish: (roomId, message) => pubSub.publish(topicOf(roomId), { messageAdded: { message } }),
  subscribe: (_context, roomId) => pubSub.subscribe(topicOf(roomId)),
});
