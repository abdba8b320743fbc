import { OperationTypeNode, type ExecutionArgs, type ExecutionResult, type GraphQLError } from 'graphql';
import { makeServer, type Context as ProtocolContext, type SubscribePayload } from 'graphql-ws';
import { codedGraphQLError } from '../graphql/errors.js';
import type { Operations } from '../graphql/operation.js';
import type { Clock } from '../lib/clock.js';
import type { Metrics } from '../lib/metrics.js';
import type { Standing } from '../visitors/visitor-token.js';
import type { Callers } from './caller.js';
import type { Connection } from './connection.js';
import { createFraming } from './frames.js';
import { createSocketSink } from './socket-sink.js';

export interface Extra {
  readonly connection: Connection;
}

type Context = ProtocolContext<Record<string, unknown>, Extra>;

/** What graphql-ws is given to run: it only hands back what has already been begun. */
interface Begun extends ExecutionArgs {
  readonly outcome: ExecutionResult | AsyncGenerator<ExecutionResult, undefined, undefined>;
}

const isBegun = (args: ExecutionArgs): args is Begun => 'outcome' in args;
const outcomeOf = (args: ExecutionArgs) =>
  isBegun(args) ? args.outcome : { errors: [codedGraphQLError('INTERNAL_SERVER_ERROR', 'Nothing to run.')] };

/**
 * graphql-transport-ws by graphql-ws, which keeps the protocol, over the operations of this server. What an
 * operation is refused for is an `error` message of that operation alone; the socket and its other
 * subscriptions go on.
 */
export function createSocketProtocol({
  operations,
  callers,
  clock,
  metrics,
  maxOperations,
  onIdentity,
}: {
  operations: Operations;
  callers: Callers;
  clock: Clock;
  metrics: Metrics;
  maxOperations: number;
  /** Hears for how long the token of a socket holds, at its start and whenever it is renewed. */
  onIdentity: (connection: Connection, token: Standing | null) => void;
}) {
  const framing = createFraming();
  const onSent = (bytes: number) => metrics.wsOutboundBytes.inc(bytes);

  async function begin(
    connection: Connection,
    id: string,
    payload: SubscribePayload,
  ): Promise<Begun | readonly GraphQLError[]> {
    const prepared = operations.prepare(payload, 'ws');
    if ('errors' in prepared) return prepared.errors;
    const { viewer, address } = connection;
    const tokenIssued = (token: Standing) => onIdentity(connection, token);
    const context = operations.contextFor({ viewer, address, tokenIssued });
    const args = {
      schema: operations.schema,
      document: prepared.checked.document,
      operationName: prepared.operation.name?.value,
    };
    if (prepared.kind === OperationTypeNode.SUBSCRIPTION) {
      const receiver = createSocketSink(connection, id, framing, onSent);
      const subscription = await operations.subscribe(prepared, context, receiver.sink);
      if ('errors' in subscription) return subscription.errors;
      receiver.joined(subscription.leave);
      return { ...args, outcome: receiver.lifecycle };
    }
    const running = operations.execute(prepared, context);
    if (prepared.kind === OperationTypeNode.MUTATION) {
      const mutations = (connection.mutations ??= new Set());
      mutations.add(running);
      void running.then(() => mutations.delete(running));
    }
    const outcome = await running;
    return outcome.data === undefined && outcome.errors !== undefined ? outcome.errors : { ...args, outcome };
  }

  return makeServer<Record<string, unknown>, Extra>({
    // The keeper waits: a timer here would be kept for as long as the socket.
    connectionInitWaitTimeout: 0,

    async onConnect(context: Context) {
      const { connection } = context.extra;
      const { request, address } = connection;
      // Asked for once, and large.
      connection.request = null;
      if (request === null) throw new Error('A socket was initialised twice.');
      const identity = await callers.ofSocket(request, context.connectionParams, address);
      connection.viewer = identity.viewer;
      onIdentity(connection, identity.standing);
      return identity.ack;
    },

    async onSubscribe({ extra: { connection } }: Context, id) {
      const payload = connection.asked;
      connection.asked = null;
      if (connection.operations > maxOperations) {
        metrics.limitRejections.inc({ rule: 'operations', transport: 'ws' });
        const message = `A socket may have ${maxOperations} operations open. Close one first.`;
        return [codedGraphQLError('TOO_MANY_OPERATIONS', message)];
      }
      connection.operationsSeen += 1;
      connection.activeAt = clock.monotonic();
      if (payload === null) throw new Error('An operation came without its payload.');
      const begun = await begin(connection, id, payload);
      return 'outcome' in begun ? begun : [...begun];
    },

    execute: outcomeOf,
    subscribe: outcomeOf,
    onOperation: () => metrics.wsOperationsActive.inc(),
    onComplete({ extra: { connection } }: Context) {
      connection.activeAt = clock.monotonic();
      metrics.wsOperationsActive.dec();
    },
  });
}
