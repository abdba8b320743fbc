import { RequestError, type Connection, type RoomMessage, type Sink } from '../../../../client/kit/index.js';

/** As the server does when a cursor is too far behind: the last so many are sent again. */
const REPLAYED = 120;

interface Request {
  readonly variables: Record<string, unknown>;
  /** What was read for it; null while nothing was. */
  outcome: { readonly page: unknown } | { readonly error: RequestError } | null;
  readonly resolve: (page: never) => void;
  readonly reject: (error: RequestError) => void;
}

interface Subscriber {
  readonly variables: () => Record<string, unknown>;
  readonly sink: Sink<never>;
  /** The number it was sent last; null while its subscription is not in force. */
  position: number | null;
}

/**
 * A server of one room behind a connection, with the log's rules for cursors, pages, skips and what was dropped. It does
 * nothing by itself: the test says when it reads, answers, sends and loses the connection.
 */
export function createFakeRoomServer() {
  let log: RoomMessage[] = [];
  let first = 1;
  let rewritten = 0;
  let requests: Request[] = [];
  let subscribers: Subscriber[] = [];
  const head = () => log.length;
  const cursorOf = (number: number) => `${number}.${log[number - 1]?.id ?? ''}`;

  function write(count: number): void {
    for (let left = count; left > 0; left--) {
      const number = head() + 1;
      const author = { id: `a${number % 3}`, displayName: `Author ${number % 3}` };
      const createdAt = '2026-01-01T00:00:00.000Z';
      log.push({ id: `m${number}.${rewritten}`, number, text: '', createdAt, idempotencyKey: null, author });
    }
  }

  /** The number that a cursor stands at, of a message that may have been dropped. */
  function numberOf(cursor: string): number {
    const number = Number(cursor.split('.')[0]);
    if (number > head()) throw new RequestError('BAD_CURSOR', 'ahead of the log');
    if (number >= first && cursorOf(number) !== cursor) throw new RequestError('CURSOR_EXPIRED', 'rewritten');
    return number;
  }

  function pageOf({ after, before, first: most, last }: Record<string, unknown>) {
    const above = Math.max(typeof after === 'string' ? numberOf(after) : 0, first - 1);
    const through = Math.min(typeof before === 'string' ? numberOf(before) - 1 : head(), head());
    const start = typeof last === 'number' ? Math.max(above, through - last) : above;
    const nodes = log.slice(start, typeof most === 'number' ? Math.min(through, above + most) : through);
    const cursor = (node: RoomMessage | undefined) => (node === undefined ? null : cursorOf(node.number));
    const pageInfo = {
      hasPreviousPage: nodes.length > 0 && start >= first,
      startCursor: cursor(nodes[0]),
      endCursor: cursor(nodes.at(-1)),
    };
    return { room: { id: 'r', messages: { nodes, pageInfo, resumeCursor: cursorOf(head()) } } };
  }

  function open(subscriber: Subscriber): void {
    try {
      const number = numberOf(String(subscriber.variables()['after']));
      if (number > 0 && number < first) throw new RequestError('CURSOR_EXPIRED', 'dropped');
      const jump = head() - number > REPLAYED;
      subscriber.position = number;
      if (jump) sendOne(subscriber, Math.max(head() - REPLAYED + 1, first));
    } catch (error) {
      subscribers = subscribers.filter((one) => one !== subscriber);
      subscriber.sink.error(error as RequestError);
    }
  }

  function sendOne(subscriber: Subscriber, number: number): void {
    const skippedCount = number - (subscriber.position ?? 0) - 1;
    subscriber.position = number;
    const [cursor, message] = [cursorOf(number), log[number - 1]];
    subscriber.sink.next({ messageAdded: { cursor, skippedCount, replayed: false, message } } as never);
  }

  const connection: Connection = {
    execute: (_document, variables) =>
      new Promise((resolve, reject) => {
        requests.push({ variables, outcome: null, resolve, reject });
      }),
    subscribe: (_document, variables, sink) => {
      const subscriber: Subscriber = { variables, sink, position: null };
      subscribers.push(subscriber);
      return () => {
        subscribers = subscribers.filter((one) => one !== subscriber);
      };
    },
  };

  /** The connection ends and is there again: what was open is asked for anew. */
  function reconnect(): void {
    for (const subscriber of subscribers) subscriber.position = null;
    for (const request of requests) request.outcome = null;
  }

  return {
    connection,
    write,
    reconnect,
    /** Subscriptions come into force, and what was asked for is read, but not answered. */
    read(failure: string | null = null): void {
      for (const subscriber of [...subscribers]) if (subscriber.position === null) open(subscriber);
      for (const request of requests) {
        try {
          if (failure !== null) throw new RequestError(failure, failure);
          request.outcome ??= { page: pageOf(request.variables) };
        } catch (error) {
          request.outcome ??= { error: error as RequestError };
        }
      }
    },
    /** Answers what was read. */
    answer(): void {
      const answered = requests.filter(({ outcome }) => outcome !== null);
      requests = requests.filter(({ outcome }) => outcome === null);
      for (const { outcome, resolve, reject } of answered) {
        if (outcome !== null && 'page' in outcome) resolve(outcome.page as never);
        else if (outcome !== null) reject(outcome.error);
      }
    },
    /** Sends so many events to who is subscribed. */
    send(count: number): void {
      for (const subscriber of [...subscribers]) {
        for (let left = count; left > 0; left--) {
          if (subscriber.position === null || subscriber.position >= head()) break;
          sendOne(subscriber, Math.max(subscriber.position + 1, first));
        }
      }
    },
    /** Drops this share of the log from its beginning. */
    drop(share: number): void {
      first = Math.max(first, Math.ceil(first + (head() - first) * share));
    },
    /** An older backup takes the log's place, without this share of its end. */
    restore(share: number): void {
      log = log.slice(0, Math.max(first, Math.floor(head() * (1 - share))));
      rewritten += 1;
      reconnect();
    },
    /** What there is now, oldest first. */
    history: (): readonly RoomMessage[] => log.slice(first - 1),
    isIdle: () => requests.length === 0,
  };
}
