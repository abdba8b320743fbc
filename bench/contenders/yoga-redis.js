/**
 * graphql-yoga with graphql-ws as in yoga.js, over several processes with graphql-redis-subscriptions, as
 * https://github.com/davidyaha/graphql-redis-subscriptions shows it.
 */
import { RedisPubSub } from 'graphql-redis-subscriptions';
import { serveYoga } from './lib/serve-yoga.js';
import { topicOf } from './lib/graphql-chat.js';

const pubSub = new RedisPubSub({ connection: process.env.REDIS_URL });
await serveYoga({
  publish: (roomId, message) => void pubSub.publish(topicOf(roomId), { messageAdded: { message } }),
  subscribe: (_context, roomId) => pubSub.asyncIterableIterator(topicOf(roomId)),
});
