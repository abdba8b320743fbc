/** One operation of a socket, from its `subscribe` until nothing of it is left. */
interface Turn {
  /** Never rejects. */
  over: Promise<void>;
  /** Whether its client completed it. */
  stopped: boolean;
}

/** What is read of a client's message. */
export interface ClientMessage {
  readonly type: string;
  readonly id?: unknown;
}

/**
 * Lets an id be used again as soon as its client has completed it, as the protocol allows. graphql-ws knows an
 * operation by nothing but its id and ends it a little later, so it would take the two for one: the first would
 * go on under the id of the second, or end it. The second waits here until the first is over.
 *
 * @param handle - gives a message to graphql-ws; for a `subscribe` it settles when the operation is over.
 * @param onInUse - hears of a `subscribe` under the id of an operation that its client has not completed.
 */
export function createOperationTurns(handle: (text: string) => Promise<void>, onInUse: (id: string) => void) {
  const turns = new Map<string, Turn>();

  async function runAfter(before: Turn, turn: Turn, text: string): Promise<void> {
    await before.over;
    if (!turn.stopped) await handle(text);
  }

  function subscribe(id: string, text: string): Promise<void> {
    const before = turns.get(id);
    if (before?.stopped === false) {
      onInUse(id);
      return Promise.resolve();
    }
    const turn: Turn = { over: Promise.resolve(), stopped: false };
    turns.set(id, turn);
    const handled = before === undefined ? handle(text) : runAfter(before, turn, text);
    const forget = (): void => {
      if (turns.get(id) === turn) turns.delete(id);
    };
    turn.over = handled.then(forget, forget);
    return handled;
  }

  /** Handles a message of the client; rejects as `handle` does. */
  return ({ type, id }: ClientMessage, text: string): Promise<void> => {
    if (typeof id !== 'string') return handle(text);
    if (type === 'subscribe') return subscribe(id, text);
    const turn = turns.get(id);
    if (type === 'complete' && turn !== undefined) turn.stopped = true;
    return handle(text);
  };
}
