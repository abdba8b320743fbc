/**
 * Apollo Server 5 on Express with graphql-ws and graphql-subscriptions, as
 * https://www.apollographql.com/docs/apollo-server/data/subscriptions shows it.
 */
import { createServer } from 'node:http';
import { ApolloServer } from '@apollo/server';
import { ApolloServerPluginDrainHttpServer } from '@apollo/server/plugin/drainHttpServer';
import { expressMiddleware } from '@as-integrations/express5';
import { makeExecutableSchema } from '@graphql-tools/schema';
import express from 'express';
import { PubSub } from 'graphql-subscriptions';
import { useServer } from 'graphql-ws/use/ws';
import { WebSocketServer } from 'ws';
import { announce } from './lib/announce.js';
import { openChat } from './lib/chat.js';
import { resolversFor, topicOf, typeDefs } from './lib/graphql-chat.js';

const chat = await openChat();
const pubSub = new PubSub();
const publish = (roomId, message) => void pubSub.publish(topicOf(roomId), { messageAdded: { message } });
const subscribe = (_context, roomId) => pubSub.asyncIterableIterator(topicOf(roomId));
const schema = makeExecutableSchema({ typeDefs, resolvers: resolversFor(chat, publish, subscribe) });

const app = express();
const httpServer = createServer(app);
const serverCleanup = useServer({ schema }, new WebSocketServer({ server: httpServer, path: '/graphql' }));
const server = new ApolloServer({
  schema,
  plugins: [
    ApolloServerPluginDrainHttpServer({ httpServer }),
    { serverWillStart: async () => ({ drainServer: async () => void (await serverCleanup.dispose()) }) },
  ],
});
await server.start();
app.use('/graphql', express.json(), expressMiddleware(server));
announce(httpServer);
