import { MessageType, type Message, type SubscribeMessage } from 'graphql-ws';
import { forgetTurn, type Connection, type Turn } from './connection.js';

/**
 * Lets an id be used again as soon as its client has completed it, as the protocol allows. graphql-ws knows an
 * operation by nothing but its id and ends it a little later, so it would take the two for one: the first would
 * go on under the id of the second, or end it. The second waits here until the first is over. Counts the
 * operations of each connection.
 */
export function createOperationTurns({
  begin,
  end,
  handle,
  onInUse,
  onFailed,
}: {
  /** Gives a `subscribe` to graphql-ws; settles when the operation is over, or is a subscription in force. */
  begin: (connection: Connection, turn: Turn) => Promise<void>;
  /** Ends a subscription in force. */
  end: (connection: Connection, turn: Turn) => void;
  /** Gives another message to graphql-ws. */
  handle: (connection: Connection, text: string) => Promise<void>;
  /** Hears of a `subscribe` under the id of an operation that its client has not completed. */
  onInUse: (connection: Connection, id: string) => void;
  /** Hears of a message whose handling failed. */
  onFailed: (connection: Connection, error: unknown) => void;
}) {
  async function run(connection: Connection, turn: Turn, before: Promise<void> | null): Promise<void> {
    try {
      if (before !== null) await before;
      if (!turn.stopped) await begin(connection, turn);
    } catch (error) {
      onFailed(connection, error);
    }
    if (turn.subscription === null) forgetTurn(connection, turn);
    else turn.over = null;
  }

  function subscribe(connection: Connection, { id, payload }: SubscribeMessage): void {
    const before = connection.turns.findLast((turn) => turn.id === id);
    if (before?.stopped === false) return onInUse(connection, id);
    connection.operations += 1;
    const place = connection.operations;
    const turn: Turn = { id, place, asked: payload, over: null, stopped: false, subscription: null };
    // No longer than it must be: a list that grows by itself has room for sixteen more.
    connection.turns = connection.turns.concat(turn);
    turn.over = run(connection, turn, before?.over ?? null);
  }

  /** Handles a message of the client, which came as `text`. */
  return (connection: Connection, message: Message, text: string): void => {
    if (message.type === MessageType.Subscribe) return subscribe(connection, message);
    const turn =
      message.type === MessageType.Complete
        ? connection.turns.findLast(({ id }) => id === message.id)
        : undefined;
    if (turn !== undefined && turn.subscription !== null) return end(connection, turn);
    if (turn?.stopped === false) {
      turn.stopped = true;
      connection.operations -= 1;
    }
    handle(connection, text).catch((error: unknown) => onFailed(connection, error));
  };
}
