import { MessageType, type Message, type SubscribeMessage } from 'graphql-ws';
import type { Connection, Turn } from './connection.js';

type Handle = (connection: Connection, message: Message) => Promise<void>;

async function runAfter(before: Promise<void>, turn: Turn, run: () => Promise<void>): Promise<void> {
  await before;
  if (!turn.stopped) await run();
}

function forget(connection: Connection, turn: Turn): void {
  if (!turn.stopped) connection.operations -= 1;
  connection.turns = connection.turns.filter((each) => each !== turn);
}

/**
 * Lets an id be used again as soon as its client has completed it, as the protocol allows. graphql-ws knows an
 * operation by nothing but its id and ends it a little later, so it would take the two for one: the first would
 * go on under the id of the second, or end it. The second waits here until the first is over. Counts the
 * operations of each connection.
 *
 * @param handle - gives a message to graphql-ws; for a `subscribe` it settles when the operation is over.
 * @param onInUse - hears of a `subscribe` under the id of an operation that its client has not completed.
 * @param onFailed - hears of a message whose handling failed.
 */
export function createOperationTurns(
  handle: Handle,
  onInUse: (connection: Connection, id: string) => void,
  onFailed: (connection: Connection, error: unknown) => void,
) {
  function subscribe(connection: Connection, message: SubscribeMessage): void {
    const { id } = message;
    const before = connection.turns.findLast((turn) => turn.id === id);
    if (before?.stopped === false) return onInUse(connection, id);
    const turn: Turn = { id, over: null, stopped: false };
    connection.turns = [...connection.turns, turn];
    connection.operations += 1;
    const handled =
      before?.over == null
        ? handle(connection, message)
        : runAfter(before.over, turn, () => handle(connection, message));
    const over = (failure: unknown): void => {
      forget(connection, turn);
      if (failure !== undefined) onFailed(connection, failure);
    };
    turn.over = handled.then(over, over);
  }

  /** Handles a message of the client. */
  return (connection: Connection, message: Message): void => {
    if (message.type === MessageType.Subscribe) return subscribe(connection, message);
    const turn =
      message.type === MessageType.Complete
        ? connection.turns.findLast(({ id }) => id === message.id)
        : undefined;
    if (turn?.stopped === false) {
      turn.stopped = true;
      connection.operations -= 1;
    }
    handle(connection, message).catch((error: unknown) => onFailed(connection, error));
  };
}
