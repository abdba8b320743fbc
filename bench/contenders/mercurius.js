/** Mercurius with its own pub/sub, as https://mercurius.dev/#/docs/subscriptions shows it. */
import fastify from 'fastify';
import mercurius from 'mercurius';
import { openChat } from './lib/chat.js';
import { resolversFor, topicOf, typeDefs } from './lib/graphql-chat.js';

const chat = await openChat();
const app = fastify();
const publish = (roomId, message) =>
  void app.graphql.pubsub.publish({ topic: topicOf(roomId), payload: { messageAdded: { message } } });
const subscribe = ({ pubsub }, roomId) => pubsub.subscribe(topicOf(roomId));

app.register(mercurius, {
  schema: typeDefs,
  resolvers: resolversFor(chat, publish, subscribe),
  subscription: true,
  ...(process.env.JIT === undefined ? {} : { jit: Number(process.env.JIT) }),
});
await app.listen({ port: 0, host: '127.0.0.1' });
console.log(`listening ${app.server.address().port}`);
