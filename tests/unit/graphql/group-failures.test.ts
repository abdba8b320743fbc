import { GraphQLError, type ExecutionResult } from 'graphql';
import { describe, expect, it } from 'vitest';
import { codedGraphQLError } from '../../../src/graphql/errors.ts';
import { createGroup } from '../../../src/graphql/shared/group.ts';
import { createPump } from '../../../src/graphql/shared/pump.ts';
import { CodedError, unavailable } from '../../../src/lib/coded-error.ts';
import { createFakeClock } from '../../testkit/log/fake-clock.js';

/** A hundred, doubled each time, up to five thousand: when something is tried that fails from 0 on. */
const TRIES = [0, 100, 300, 700, 1500, 3100, 6300, 11_300, 16_300];

/** A group with one subscriber. While `failure` is set, reads fail, each at the time that is noted. */
function world({
  late = false,
  result = (_event: unknown): ExecutionResult | Promise<ExecutionResult> => ({ data: {} }),
} = {}) {
  const clock = createFakeClock();
  const state = {
    failure: null as Error | null,
    whileReading: (): void => undefined,
    head: 0,
    failedAt: new Set<number>(),
    executedAt: [] as number[],
  };
  const told: string[] = [];
  let advance = (): void => undefined;
  const group = createGroup<number>({
    source: {
      begin: () => Promise.resolve(0),
      read(position) {
        if (state.failure !== null) {
          state.failedAt.add(clock.monotonic());
          state.whileReading();
          if (!late) throw state.failure;
          return Promise.reject(state.failure);
        }
        const numbers = Array.from({ length: state.head - position }, (_, index) => position + 1 + index);
        const deliveries = numbers.map((number) => ({
          identity: String(number),
          event: number,
          position: number,
        }));
        state.whileReading();
        return late ? Promise.resolve(deliveries) : deliveries;
      },
      onAdvance(listener) {
        advance = listener;
        return () => undefined;
      },
      close: () => undefined,
    },
    execute(event) {
      state.executedAt.push(clock.monotonic());
      return result(event);
    },
    onFirstSent: () => undefined,
    nextShare: () => null,
    toClientError: (error) => new GraphQLError(`told: ${(error as Error).message}`),
    pump: createPump((callback) => void clock.after(0, callback)),
    clock,
  });
  const outlet = {
    writable: () => true,
    deliver: (_sink: unknown, { length }: readonly unknown[]) => void told.push(`${length} results`),
    onceWritable: () => undefined,
    fail: (_sink: unknown, { message }: GraphQLError) => void told.push(message),
  };
  const leave = (): void => {
    told.push('left');
    group.leave(member);
  };
  const member = group.join({ overhead: 0, outlet }, 0, { leave });
  return {
    clock,
    state,
    told,
    group,
    member,
    append(count: number) {
      state.head += count;
      advance();
    },
  };
}

describe.each([
  ['at once', false],
  ['late', true],
])('a read that fails %s', (_name, late) => {
  it.each([
    ['2 results', 2],
    ['nothing', 0],
  ])(
    'because the store does not answer is tried again ever more rarely, and from the start after an answer of %s',
    async (answer, count) => {
      const { clock, state, told, append } = world({ late });
      state.failure = unavailable();
      await clock.pass(16_300);
      expect([...state.failedAt]).toEqual(TRIES);
      state.failure = null;
      append(count);
      await clock.pass(5000);
      const before = count > 0 ? [answer] : [];
      expect(told).toEqual(before);
      state.failure = unavailable();
      state.failedAt.clear();
      const since = clock.monotonic();
      append(1);
      await clock.pass(16_300);
      expect([...state.failedAt].map((at) => at - since)).toEqual(TRIES);
      state.failure = null;
      await clock.pass(5000);
      expect(told).toEqual([...before, '1 results']);
    },
  );

  it.each([
    new CodedError('CURSOR_EXPIRED', 'Gone.'),
    new CodedError('BAD_CURSOR', 'Bad.'),
    new Error('broken'),
  ])('for good (%s) ends the subscription once, with what a client may see', async (failure) => {
    const { clock, state, told, append } = world({ late });
    append(1);
    await clock.pass(100);
    state.failure = failure;
    append(1);
    await clock.pass(100);
    state.failure = null;
    append(1);
    await clock.pass(60_000);
    expect(told).toEqual(['1 results', 'left', `told: ${failure.message}`]);
    expect(state.failedAt.size).toBe(1);
  });
});

it.each([new Error('broken'), null])(
  'who left while a read was under way is told nothing (%s)',
  async (failure) => {
    const { clock, state, told, group, member, append } = world({ late: true });
    append(1);
    state.failure = failure;
    state.whileReading = () => group.leave(member);
    await clock.pass(10_000);
    expect(told).toEqual([]);
  },
);

it('what comes while a read is under way that finds nothing is not missed', async () => {
  const { clock, state, told, append } = world({ late: true });
  state.whileReading = () => {
    state.whileReading = () => undefined;
    void Promise.resolve().then(() => append(1));
  };
  await clock.pass(1000);
  expect(told).toEqual(['1 results']);
});

it('a result that the store is too slow for is made again ever more rarely, and no more once the group is closed', async () => {
  const away = { errors: [codedGraphQLError('UNAVAILABLE', 'Later.')] };
  const { clock, state, told, append, group } = world({ result: () => away });
  append(1);
  await clock.pass(16_300);
  expect(state.executedAt).toEqual(TRIES);
  group.close();
  await clock.pass(60_000);
  expect([state.executedAt, told]).toEqual([TRIES, []]);
});

it('what comes at once leaves in one write, also where some of its results take a turn', async () => {
  const data = {};
  const { clock, told, append } = world({
    result: (event) => (event === 1 ? { data } : Promise.resolve({ data })),
  });
  await clock.pass(1000);
  append(3);
  await clock.pass(1000);
  expect(told).toEqual(['3 results']);
});

it('serves no more subscribers at once than it may, in the order in which they came, and passes over those that left', () => {
  const { state, told, group, member } = world();
  const served: number[] = [];
  const others = Array.from({ length: 9 }, (_, index) => {
    const outlet = {
      writable: () => true,
      deliver: () => void served.push(index),
      onceWritable: () => undefined,
      fail: () => undefined,
    };
    return group.join({ overhead: 0, outlet }, 0, { leave: () => undefined });
  });
  state.head = 1;
  group.leave(member);
  group.leave(others[2]!);
  expect(group.work(4)).toBe(4);
  expect(served).toEqual([0, 1, 3, 4]);
  expect(group.work(3)).toBe(3);
  expect(group.work(4)).toBe(1);
  expect(served).toEqual([0, 1, 3, 4, 5, 6, 7, 8]);
  expect([group.work(4), told]).toEqual([0, []]);
});

it('lets go of what it made for a subscriber that does not read, and makes it again when that reads', async () => {
  const { clock, state, group, member, append } = world();
  const served: unknown[] = [];
  let writable = false;
  let wake = (): void => undefined;
  const outlet = {
    writable: () => writable,
    deliver: (_sink: unknown, payloads: readonly unknown[]) => void served.push(...payloads),
    onceWritable: (_sink: unknown, listener: () => void) => void (wake = listener),
    fail: () => undefined,
  };
  await clock.pass(1000);
  group.join({ overhead: 0, outlet }, 0, { leave: () => undefined });
  append(1);
  await clock.pass(1000);
  group.leave(member);
  await clock.pass(5000);
  writable = true;
  wake();
  await clock.pass(1000);
  expect([served.length, state.executedAt.length]).toEqual([1, 2]);
});
