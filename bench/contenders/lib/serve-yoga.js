/** Yoga's own server with graphql-ws beside it, as its documentation shows both. */
import { createServer } from 'node:http';
import { useServer } from 'graphql-ws/use/ws';
import { createSchema, createYoga } from 'graphql-yoga';
import { WebSocketServer } from 'ws';
import { announce } from './announce.js';
import { openChat } from './chat.js';
import { resolversFor, typeDefs } from './graphql-chat.js';

/** Serves the chat over a pub/sub; see `resolversFor`. */
export async function serveYoga({ publish, subscribe }) {
  const chat = await openChat();
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
}
