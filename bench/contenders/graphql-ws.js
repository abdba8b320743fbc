/** graphql-ws with graphql-js and graphql-subscriptions, as https://the-guild.dev/graphql/ws/get-started shows it. */
import { createServer } from 'node:http';
import { makeExecutableSchema } from '@graphql-tools/schema';
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

const server = createServer((_request, response) => response.writeHead(404).end());
useServer({ schema }, new WebSocketServer({ server, path: '/graphql' }));
announce(server);
