import { createTracing } from '../../../../src/lib/tracing.ts';
import { buildSchema, type GraphQLSchema } from 'graphql';
import type { Context, Services } from '../../../../src/context.ts';
import { createOperations, type OperationsOptions } from '../../../../src/graphql/operation.ts';
import { systemClock, type Clock } from '../../../../src/lib/clock.ts';
import { CodedError } from '../../../../src/lib/coded-error.ts';
import type { Delivery, Followed } from '../../../../src/lib/followed.ts';
import { systemIds } from '../../../../src/lib/ids.ts';
import { silentLogger, type Logger } from '../../../../src/lib/logger.ts';
import { createMetrics } from '../../../../src/lib/metrics.ts';
import type { Outlet, Payload, Sink } from '../../../../src/graphql/shared/sink.ts';
import type { GraphQLError } from 'graphql';

export interface CountEvent {
  readonly number: number;
  readonly replayed: boolean;
  readonly skippedCount: number;
}

/**
 * A log of dense numbers in memory. `answerLater` makes reads behind the newest `ring` events asynchronous, as
 * a store would; `maxReplayed` is how far behind a reader may be before it jumps.
 */
export function createCounterSource({ ring = 512, maxReplayed = Number.POSITIVE_INFINITY } = {}) {
  let head = 0;
  const listeners = new Set<() => void>();
  const state = {
    opened: 0,
    closed: 0,
    reads: 0,
    failNextReads: 0,
    failNextLookups: 0,
    askNextReads: 0,
    expired: false,
  };

  function answer(position: number, limit: number, replayed: boolean, mayJump: boolean) {
    const from = mayJump && head - position > maxReplayed ? head - maxReplayed : position;
    const deliveries: Delivery<number, CountEvent>[] = [];
    for (let number = from + 1; number <= head && deliveries.length < limit; number += 1) {
      const skippedCount = deliveries.length === 0 ? from - position : 0;
      const event = { number, replayed, skippedCount };
      deliveries.push({ identity: JSON.stringify(event), event, position: number });
    }
    return deliveries;
  }

  function follow(): Followed<number, CountEvent> {
    state.opened += 1;
    return {
      async begin(after) {
        if (after === 'nonsense') throw new CodedError('BAD_CURSOR', 'No such place.');
        return after === null ? head : Number(after);
      },
      read(position, { limit, replayed, mayJump }) {
        state.reads += 1;
        if (state.expired) throw new CodedError('CURSOR_EXPIRED', 'Gone.');
        if (state.failNextReads > 0) {
          state.failNextReads -= 1;
          return Promise.reject(new CodedError('UNAVAILABLE', 'The store did not answer.'));
        }
        if (state.askNextReads > 0) {
          // As a store does: the answer is as old as the question.
          state.askNextReads -= 1;
          const known = answer(position, limit, replayed, mayJump);
          return new Promise((resolve) => setImmediate(() => resolve(known)));
        }
        if (head - position <= ring) return answer(position, limit, replayed, mayJump);
        return new Promise((resolve) => {
          setImmediate(() => resolve(answer(position, limit, replayed, mayJump)));
        });
      },
      onAdvance(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      close: () => void (state.closed += 1),
    };
  }

  return {
    state,
    follow,
    append(count = 1) {
      for (let i = 0; i < count; i += 1) {
        head += 1;
        for (const listener of listeners) listener();
      }
    },
    head: () => head,
  };
}

const SDL = /* GraphQL */ `
  input Given {
    number: Int
    text: String
    required: String! = "there"
  }
  type Query {
    hello(name: String! = "you"): String
    boom: String
    coded: String
    never: String
    item(n: Int): Item
    items(first: Int, last: Int, ids: [ID!]): [Item!]!
    needs(value: Int!): Int
    given(value: Given!): Int
    notAnInt: Int
  }
  type Item {
    id: ID!
    items(first: Int): [Item!]!
    secret: String
  }
  type Mutation {
    add(count: Int = 1): Int
  }
  type Subscription {
    counted(after: String, room: ID): Counted!
    other: Int
  }
  type Counted {
    number: Int!
    replayed: Boolean!
    skippedCount: Int!
    slow: Int
    fails: Int
    stored: Int!
    mine: String
    echo(text: String): String
    again: Counted!
  }
`;

/** A schema whose only subscription counts, with what a test may turn. */
export function createWorld(
  options: Partial<OperationsOptions> & { ring?: number; maxReplayed?: number } = {},
) {
  const source = createCounterSource(options);
  const schema: GraphQLSchema = buildSchema(SDL);
  const calls = {
    executions: 0,
    joins: [] as string[],
    leaves: [] as string[],
    contexts: new Set<Context>(),
  };
  const logged: { fields: object; message: string }[] = [];
  const log: Logger = { ...silentLogger, error: (fields, message) => logged.push({ fields, message }) };

  const resolve = (type: string, field: string, resolver: (...args: never[]) => unknown) => {
    const definition = schema.getType(type);
    if (definition !== undefined && 'getFields' in definition) {
      Object.assign(definition.getFields()[field]!, { resolve: resolver });
    }
  };
  resolve('Query', 'hello', (_root, { name }: { name: string }) => `hello ${name}`);
  resolve('Query', 'boom', () => {
    throw new Error('secret driver words');
  });
  resolve('Query', 'coded', () => {
    throw new CodedError('OVERLOADED', 'Too busy.', { retryAfterMs: 1500 });
  });
  resolve('Query', 'never', () => new Promise(() => undefined));
  resolve('Query', 'items', () => []);
  resolve('Query', 'notAnInt', () => 'no number');
  resolve('Query', 'needs', (_root, { value }: { value: number }) => value);
  resolve('Mutation', 'add', (_root, { count }: { count: number }) => {
    source.append(count);
    return source.head();
  });
  resolve('Counted', 'number', (event: CountEvent, _args: unknown, context: Context) => {
    calls.executions += 1;
    calls.contexts.add(context);
    return event.number;
  });
  resolve('Counted', 'slow', async (event: CountEvent) => {
    await new Promise((done) => setTimeout(done, event.number % 3));
    return event.number;
  });
  resolve('Counted', 'fails', (event: CountEvent) => {
    if (event.number === 2) throw new Error('secret driver words');
    return event.number;
  });
  resolve('Counted', 'stored', (event: CountEvent) => {
    if (source.state.failNextLookups > 0) {
      source.state.failNextLookups -= 1;
      throw new CodedError('UNAVAILABLE', 'The store did not answer.');
    }
    return event.number;
  });
  resolve('Counted', 'mine', (_event, _args, { viewer }: Context) => viewer?.id ?? 'nobody');
  resolve('Counted', 'echo', (_event, { text }: { text: string | null }) => text);
  resolve('Counted', 'again', (event: CountEvent) => event);
  const counted = schema.getType('Counted');
  if (counted !== undefined && 'getFields' in counted) {
    Object.assign(counted.getFields()['mine']!, { extensions: { viewerDependent: true } });
  }

  const limits: { waitMs: number | null; asked: { limit: string; key: string; points: number }[] } = {
    waitMs: null,
    asked: [],
  };
  const services = {
    limits: {
      consume: async (limit: string, key: string, points = 1) => {
        limits.asked.push({ limit, key, points });
        return limits.waitMs;
      },
    },
  } as unknown as Services;

  const operations = createOperations({
    tracing: createTracing({ version: 'test' }),
    schema,
    subscriptionFields: {
      counted: {
        startArguments: ['after'],
        after: ({ after }) => (typeof after === 'string' ? after : null),
        async authorize({ room }) {
          if (room === 'none') throw new CodedError('ROOM_NOT_FOUND', 'No such room.');
        },
        follow: () => source.follow(),
        happenedAt: (event) => ((event as CountEvent).replayed ? null : new Date()),
        onJoin(_args, { viewer }) {
          calls.joins.push(viewer?.id ?? 'nobody');
          return () => calls.leaves.push(viewer?.id ?? 'nobody');
        },
      },
    },
    services,
    apiProfile: 'public',
    log,
    clock: systemClock,
    ids: systemIds,
    metrics: createMetrics({ version: 'test' }),
    nextTurn: (callback) => void setImmediate(callback),
    heapBytes: 2 ** 32,
    ...options,
  });
  return { source, schema, operations, calls, logged, limits, services };
}

export type World = ReturnType<typeof createWorld>;

/** A sink that keeps what it is given; `stallAfter` writes it is full until `drain`. */
export function createListSink({ stallAfter = Number.POSITIVE_INFINITY } = {}) {
  const sink = {
    writes: [] as (readonly Payload[])[],
    errors: [] as GraphQLError[],
    stalled: false,
    left: stallAfter,
    waiting: [] as (() => void)[],
    stall() {
      sink.stalled = true;
    },
    drain(writes = Number.POSITIVE_INFINITY) {
      sink.left = writes;
      sink.stalled = false;
      for (const listener of sink.waiting.splice(0)) listener();
    },
    results: () => sink.writes.flat().map(({ text }) => JSON.parse(text) as { data: never; errors?: never }),
    events: () =>
      sink.writes
        .flat()
        .map(({ text }) => (JSON.parse(text) as { data: { counted: CountEvent } }).data.counted),
    numbers: () => sink.events().map(({ number }) => number),
  };
  const outlet: Outlet<Sink> = {
    writable: () => !sink.stalled,
    deliver(_sink, payloads) {
      if (sink.stalled) throw new Error('written while stalled');
      sink.writes.push(payloads);
      sink.left -= 1;
      if (sink.left <= 0) sink.stalled = true;
    },
    onceWritable: (_sink, listener) => void sink.waiting.push(listener),
    fail: (_sink, error) => void sink.errors.push(error),
  };
  return Object.assign(sink, { outlet, overhead: 50 });
}

export type ListSink = ReturnType<typeof createListSink>;

/** Time and turns in a test's hands. */
export function createManualTime() {
  let now = 1000;
  let timers: { at: number; callback: () => void }[] = [];
  let turns: (() => void)[] = [];
  function after(ms: number, callback: () => void): () => void {
    const timer = { at: now + ms, callback };
    timers.push(timer);
    return () => {
      timers = timers.filter((each) => each !== timer);
    };
  }
  const clock: Clock = {
    now: () => now,
    monotonic: () => now,
    after,
    deadline(ms) {
      const controller = new AbortController();
      after(ms, () => controller.abort(new DOMException('The deadline is over.', 'TimeoutError')));
      return controller.signal;
    },
  };
  return {
    clock,
    nextTurn: (callback: () => void) => void turns.push(callback),
    /** Runs what was put off to the next turn; false when there was nothing. */
    turn(): boolean {
      const due = turns;
      turns = [];
      for (const callback of due) callback();
      return due.length > 0;
    },
    pass(ms: number) {
      now += ms;
      const due = timers.filter(({ at }) => at <= now);
      timers = timers.filter(({ at }) => at > now);
      for (const { callback } of due) callback();
    },
  };
}
