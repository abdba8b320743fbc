/**
 * graphql-yoga with graphql-ws, as https://the-guild.dev/graphql/yoga-server/docs/features/subscriptions shows
 * it ("GraphQL over WebSocket Protocol via graphql-ws"), with Yoga's own pub/sub.
 */
import { createServer } from 'node:http';
import { useServer } from 'graphql-ws/use/ws';
import { createPubSub, createSchema, createYoga } from 'graphql-yoga';
import { WebSocketServer } from 'ws';
import { announce } from './lib/announce.js';
import { openChat } from './lib/chat.js';
import { resolversFor, topicOf, typeDefs } from './lib/graphql-chat.js';

const chat = await openChat();
const pubSub = createPubSub();
const publish = (roomId, message) => pubSub.publish(topicOf(roomId), { messageAdded: { message } });
const subscribe = (_context, roomId) => pubSub.subscribe(topicOf(roomId));

const yoga = createYoga({
  schema: createSchema({ typeDefs, resolvers: resolversFor(chat, publish, subscribe) }),
  graphiql: { subscriptionsProtocol: 'WS' },
  logging: 'error',
});
const server = createServer(yoga);
const sockets = new WebSocketServer({ server, path: yoga.graphqlEndpoint });

useServer(
  {
    execute: (args) => args.rootValue.execute(args),
    subscribe: (args) => args.rootValue.subscribe(args),
    onSubscribe: async (ctx, _id, params) => {
      const { schema, execute, subscribe, contextFactory, parse, validate } = yoga.getEnveloped({
        ...ctx,
        req: ctx.extra.request,
        socket: ctx.extra.socket,
        params,
      });
      const args = {
        schema,
        operationName: params.operationName,
        document: parse(params.query),
        variableValues: params.variables,
        contextValue: await contextFactory(),
        rootValue: { execute, subscribe },
      };
      const errors = validate(args.schema, args.document);
      return errors.length > 0 ? errors : args;
    },
  },
  sockets,
);
announce(server);
