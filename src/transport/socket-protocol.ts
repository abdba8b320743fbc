import { OperationTypeNode, type GraphQLError } from 'graphql';
import {
  makeServer,
  MessageType,
  stringifyMessage,
  type Context as ProtocolContext,
  type SubscribePayload,
  type WebSocket as ProtocolSocket,
} from 'graphql-ws';
import type { Context } from '../context.js';
import { codedGraphQLError } from '../graphql/errors.js';
import type { Operations } from '../graphql/operation.js';
import type { Prepared } from '../graphql/prepared.js';
import type { Clock } from '../lib/clock.js';
import type { Metrics } from '../lib/metrics.js';
import type { TokenTerm } from '../visitors/visitor-token.js';
import type { Callers } from './caller.js';
import {
  closeConnection,
  drained,
  forgetTurn,
  isOpen,
  noteMutation,
  send,
  type Connection,
  type Session,
  type Turn,
} from './connection.js';
import { outcomeOf, type Begun } from './done.js';
import { createSocketSinks } from './socket-sink.js';
import type { Unread } from './unread.js';

export interface Extra {
  readonly connection: Connection;
}

type Known = ProtocolContext<Record<string, unknown>, Extra>;

const INIT = stringifyMessage({ type: MessageType.ConnectionInit });
/** For an operation that graphql-ws knows no more: it answers nothing then, whatever it is told. */
const NOT_ANY_MORE: readonly GraphQLError[] = [codedGraphQLError('INTERNAL_SERVER_ERROR', 'Let go.')];

/**
 * graphql-transport-ws by graphql-ws, which keeps the protocol, over the operations of this server. What an
 * operation is refused for is an `error` message of that operation alone; the socket and its other
 * subscriptions go on.
 *
 * graphql-ws keeps some kilobytes for each subscription, and sockets are many and mostly idle. So it lets go of a
 * subscription as soon as that is in force, by the list of subscriptions in its context, and of a socket when
 * nothing of it is under way. What is left to do for a subscription is done here: its end.
 */
export function createSocketProtocol({
  operations,
  callers,
  clock,
  metrics,
  maxOperations,
  unread,
  onIdentity,
}: {
  operations: Operations;
  callers: Callers;
  clock: Clock;
  metrics: Metrics;
  maxOperations: number;
  unread: Unread;
  /** Hears for how long the token of a socket holds, at its start and whenever it is renewed. */
  onIdentity: (connection: Connection, token: TokenTerm | null) => void;
}) {
  /** Of operations whose subscription failed before it was in force. */
  const failures = new WeakMap<Turn, GraphQLError>();
  const sinkFor = createSocketSinks({
    onSent: (bytes) => metrics.wsOutboundBytes.inc(bytes),
    onFailed({ connection, turn }, error) {
      if (turn.subscription === null) {
        failures.set(turn, error);
        return;
      }
      end(connection, turn);
      const message = { id: turn.id, type: MessageType.Error, payload: [error.toJSON()] } as const;
      void send(connection, stringifyMessage(message));
    },
  });

  function noteActive(connection: Connection): void {
    connection.activeAt = Math.floor(clock.monotonic());
  }

  /** Ends a subscription in force, whatever ended it; twice does nothing. */
  function end(connection: Connection, turn: Turn): void {
    const { subscription } = turn;
    if (subscription === null) return;
    turn.subscription = null;
    forgetTurn(connection, turn);
    noteActive(connection);
    metrics.wsOperationsActive.dec();
    subscription.leave();
  }

  async function subscribe(
    known: Known,
    turn: Turn,
    prepared: Prepared,
    context: Context,
  ): Promise<readonly GraphQLError[]> {
    const sink = sinkFor(known.extra.connection, turn);
    const subscription = await operations.subscribe(prepared, context, sink);
    if ('errors' in subscription) return subscription.errors;
    const failure = failures.get(turn);
    if (failure !== undefined) return [failure];
    // Its client completed it meanwhile, or is gone.
    if (!(turn.id in known.subscriptions)) {
      subscription.leave();
      return NOT_ANY_MORE;
    }
    Reflect.deleteProperty(known.subscriptions, turn.id);
    turn.subscription = subscription;
    metrics.wsOperationsActive.inc();
    return NOT_ANY_MORE;
  }

  async function run(known: Known, turn: Turn, asked: SubscribePayload): Promise<Begun> {
    const { connection } = known.extra;
    const prepared = operations.prepare(asked, 'ws');
    if ('errors' in prepared) return prepared.errors;
    const { kind } = prepared;
    // While it waited its client completed it, or went away. A mutation was sent whole, and is done.
    if (kind !== OperationTypeNode.MUTATION && (turn.stopped || !isOpen(connection))) return NOT_ANY_MORE;
    const tokenIssued = (token: TokenTerm) => onIdentity(connection, token);
    const { viewer, address } = connection;
    const context = operations.contextFor({ viewer, address, tokenIssued });
    if (kind === OperationTypeNode.SUBSCRIPTION) return subscribe(known, turn, prepared, context);
    const running = operations.execute(prepared, context);
    if (kind === OperationTypeNode.MUTATION) noteMutation(connection, running);
    const outcome = await running;
    if (outcome.data === undefined && outcome.errors !== undefined) return outcome.errors;
    const operationName = prepared.operation.name?.value;
    return { schema: operations.schema, document: prepared.checked.document, operationName, outcome };
  }

  function begin(known: Known, turn: Turn): Promise<Begun> {
    const { connection } = known.extra;
    const { asked } = turn;
    turn.asked = null;
    if (asked === null) throw new Error('An operation came without its payload.');
    const wait = operations.turnOf(asked, connection.address);
    if (wait === null) return run(known, turn, asked);
    const running = wait.then((late) => late?.errors ?? run(known, turn, asked));
    // It may be one: that is not known before it is read.
    noteMutation(connection, running);
    return running;
  }

  const server = makeServer<Record<string, unknown>, Extra>({
    // The keeper waits: a timer here would be kept for as long as the socket.
    connectionInitWaitTimeout: 0,

    async onConnect({ extra: { connection }, connectionParams }: Known) {
      const { request, address } = connection;
      // Asked for once, and large.
      connection.request = null;
      // It was acknowledged before.
      if (connection.viewer !== null) return undefined;
      if (request === null) throw new Error('A socket was initialised twice.');
      const identity = await callers.ofSocket(request, connectionParams, address);
      connection.viewer = identity.viewer;
      onIdentity(connection, identity.term);
      return identity.ack;
    },

    async onSubscribe(known: Known) {
      const { connection } = known.extra;
      const turn = connection.asked;
      connection.asked = null;
      if (turn === null) throw new Error('An operation came without its turn.');
      if (turn.place > maxOperations) {
        metrics.limitRejections.inc({ rule: 'operations', transport: 'ws' });
        const message = `A socket may have ${maxOperations} operations open. Close one first.`;
        return [codedGraphQLError('TOO_MANY_OPERATIONS', message)];
      }
      connection.operationsSeen += 1;
      noteActive(connection);
      const begun = await begin(known, turn);
      return 'outcome' in begun ? begun : [...begun];
    },

    execute: outcomeOf,
    subscribe: outcomeOf,
    onOperation: () => metrics.wsOperationsActive.inc(),
    onComplete({ extra: { connection } }: Known) {
      noteActive(connection);
      metrics.wsOperationsActive.dec();
    },
  });

  function open(connection: Connection): Session {
    let handle = (_text: string): Promise<void> => Promise.resolve();
    let silent = connection.viewer !== null;
    const socket: ProtocolSocket = {
      protocol: connection.ws.protocol,
      send: (text) => (silent ? undefined : unread.send(connection, text)),
      close: (code = 1000, reason = '') => closeConnection(connection, code, reason),
      onMessage: (handler) => void (handle = handler),
    };
    const closed = server.opened(socket, { connection });
    const session: Session = {
      handle: (text) => handle(text),
      closed: async (code, reason) => closed(code, reason),
      resumed: null,
      busy: 0,
    };
    if (silent) {
      session.resumed = handle(INIT).then(() => {
        silent = false;
        session.resumed = null;
      });
    }
    return session;
  }

  return {
    end,

    /** Gives a message to graphql-ws; settles when that has handled it. */
    async handle(connection: Connection, text: string, turn: Turn | null): Promise<void> {
      if (!isOpen(connection)) return;
      const session = (connection.session ??= open(connection));
      session.busy += 1;
      try {
        if (session.resumed !== null) await session.resumed;
        // Nobody would end what begins after the end of its socket.
        if (!isOpen(connection)) return;
        connection.asked = turn;
        await session.handle(text);
      } finally {
        session.busy -= 1;
        // Not before its first operation, which comes at once.
        if (session.busy === 0 && connection.operationsSeen > 0) connection.session = null;
      }
    },

    /** Ends all that the socket had open. */
    async closed(connection: Connection, code: number, reason: string): Promise<void> {
      for (const turn of connection.turns) end(connection, turn);
      drained(connection);
      await connection.session?.closed(code, reason);
    },
  };
}
