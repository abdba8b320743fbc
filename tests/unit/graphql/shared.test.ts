import type { GraphQLObjectType } from 'graphql';
import { describe, expect, it, vi } from 'vitest';
import type { Prepared } from '../../../src/graphql/prepared.ts';
import { createMetrics } from '../../../src/lib/metrics.ts';
import { codeOf } from '../../../src/graphql/errors.ts';
import { createListSink, createManualTime, createWorld, type ListSink, type World } from './kit/world.ts';

const DOCUMENT = 'subscription($after: String) { counted(after: $after) { number replayed skippedCount } }';
const patient = { timeout: 20_000 };

async function join(
  world: World,
  sink: ListSink,
  { query = DOCUMENT, variables = {}, viewer = 'v1', operationName = null as string | null } = {},
) {
  const prepared = world.operations.prepare({ query, variables, operationName }, 'ws') as Prepared;
  const caller = { viewer: { id: viewer, createdAt: new Date(0) }, address: '192.0.2.1' };
  const joined = await world.operations.subscribe(prepared, world.operations.contextFor(caller), sink);
  if ('errors' in joined) throw joined.errors[0]!;
  return joined;
}

/** A member has read to the end: it waits for the source from that turn on. */
const caughtUp = (world: World) =>
  vi.waitFor(() => expect(world.source.state.reads).toBeGreaterThan(0), patient);

describe('shared execution', () => {
  it('executes and serialises each event once for all with the same document, whatever their `after`', async () => {
    const world = createWorld();
    world.source.append(40);
    const sinks = Array.from({ length: 30 }, () => createListSink());
    await Promise.all(
      sinks.map((sink, i) => join(world, sink, { variables: { after: String(40 - (i % 10)) } })),
    );
    await vi.waitFor(() => expect(sinks[9]!.numbers()).toHaveLength(9), patient);
    world.calls.executions = 0;
    const stringify = vi.spyOn(JSON, 'stringify');
    for (let turn = 0; turn < 5; turn += 1) {
      world.source.append(4);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await vi.waitFor(() => {
      for (const sink of sinks) expect(sink.numbers().at(-1)).toBe(60);
    }, patient);
    const results = stringify.mock.calls.filter(
      ([value]) => value !== null && typeof value === 'object' && 'data' in value,
    );
    stringify.mockRestore();
    expect(world.calls.executions).toBe(20);
    expect(results).toHaveLength(20);
    expect(world.source.state.opened).toBe(1);
    for (const [i, sink] of sinks.entries()) {
      const from = 40 - (i % 10);
      expect(sink.numbers()).toEqual(Array.from({ length: 60 - from }, (_, k) => from + 1 + k));
      expect(sink.events().map(({ replayed }) => replayed)).toEqual(sink.numbers().map((n) => n <= 40));
    }
  });

  it('lets go of its results once everybody has had them for a while, and makes them again for who comes later', async () => {
    const time = createManualTime();
    const world = createWorld({ clock: time.clock, nextTurn: time.nextTurn });
    const readBy = async (sink: ListSink) => {
      await join(world, sink, { variables: { after: '0' } });
      for (let i = 0; i < 6; i += 1) {
        time.turn();
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect(sink.numbers()).toEqual([1, 2, 3]);
    };
    world.source.append(3);
    await readBy(createListSink());
    await readBy(createListSink());
    expect(world.calls.executions).toBe(3);
    time.pass(1000);
    time.pass(1000);
    await readBy(createListSink());
    expect(world.calls.executions).toBe(6);
  });

  it('gives everything that came in one turn in one write', async () => {
    const world = createWorld();
    const sink = createListSink();
    await join(world, sink);
    await caughtUp(world);
    world.source.append(8);
    await vi.waitFor(() => expect(sink.numbers()).toHaveLength(8), patient);
    expect(sink.writes).toHaveLength(1);
  });

  it('splits writes at 48 kB, and sends a larger event alone', async () => {
    const world = createWorld();
    const sink = createListSink();
    const query =
      'subscription($after: String, $t: String) { counted(after: $after) { number echo(text: $t) } }';
    world.source.append(7);
    await join(world, sink, { query, variables: { after: '0', t: 'x'.repeat(20_000) } });
    await vi.waitFor(() => expect(sink.numbers()).toHaveLength(7), patient);
    expect(sink.writes.map((write) => write.length)).toEqual([2, 2, 2, 1]);
    const large = createListSink();
    await join(world, large, { query, variables: { after: '0', t: 'x'.repeat(60_000) } });
    await vi.waitFor(() => expect(large.numbers()).toHaveLength(7), patient);
    expect(large.writes.every((write) => write.length === 1)).toBe(true);
  });

  it('wakes a busy group at most every 20 ms and a quiet one at once', async () => {
    const time = createManualTime();
    const world = createWorld({ clock: time.clock, nextTurn: time.nextTurn });
    const sink = createListSink();
    await join(world, sink);
    const settle = async () => {
      for (let i = 0; i < 6; i += 1) {
        time.turn();
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    await settle();
    time.pass(1000);
    world.source.append();
    await settle();
    expect(sink.numbers()).toEqual([1]);
    time.pass(10);
    world.source.append();
    world.source.append();
    await settle();
    expect(sink.numbers()).toEqual([1]);
    time.pass(10);
    await settle();
    expect(sink.numbers()).toEqual([1, 2, 3]);
    expect(sink.writes).toHaveLength(2);
  });

  it('keeps apart what differs: other variables, another operation, another text', async () => {
    const world = createWorld();
    const query =
      'subscription A($t: String) { counted { echo(text: $t) } } subscription B { counted { number } }';
    const sinks = [createListSink(), createListSink(), createListSink(), createListSink()] as const;
    await join(world, sinks[0], { query, operationName: 'A', variables: { t: 'one' } });
    await join(world, sinks[1], { query, operationName: 'A', variables: { t: 'two' } });
    await join(world, sinks[2], { query, operationName: 'B' });
    await join(world, sinks[3], { query: `${query} `, operationName: 'A', variables: { t: 'one' } });
    expect(world.source.state.opened).toBe(4);
    world.source.append();
    await vi.waitFor(() => expect(sinks.every((sink) => sink.writes.length === 1)).toBe(true), patient);
    expect(sinks.map((sink) => sink.events()[0])).toEqual([
      { echo: 'one' },
      { echo: 'two' },
      { number: 1 },
      { echo: 'one' },
    ]);
  });

  it('keeps apart who follows another thing, and knows the same variables in any order', async () => {
    const world = createWorld();
    const query =
      'subscription($after: String, $room: ID, $t: String) { counted(after: $after, room: $room) { echo(text: $t) } }';
    await join(world, createListSink(), { query, variables: { room: 'a', t: 'x' } });
    await join(world, createListSink(), { query, variables: { room: 'b', t: 'x' } });
    expect(world.source.state.opened).toBe(2);
    await join(world, createListSink(), { query, variables: { t: 'x', after: '0', room: 'b' } });
    await join(world, createListSink(), { query, variables: { t: 'x', room: 'a' } });
    expect(world.source.state.opened).toBe(2);
  });

  it('starts where a document says so itself', async () => {
    const world = createWorld();
    world.source.append(3);
    const sink = createListSink();
    await join(world, sink, { query: 'subscription { counted(after: "1") { number } }' });
    await vi.waitFor(() => expect(sink.numbers()).toEqual([2, 3]), patient);
  });

  it('counts a start variable that is used elsewhere too among those that differ', async () => {
    const world = createWorld();
    const query = 'subscription($after: String) { counted(after: $after) { number echo(text: $after) } }';
    const sinks = [createListSink(), createListSink(), createListSink()] as const;
    await join(world, sinks[0], { query, variables: { after: '0' } });
    await join(world, sinks[1], { query, variables: { after: '0' } });
    await join(world, sinks[2], { query, variables: { after: '00' } });
    expect(world.source.state.opened).toBe(2);
    world.source.append();
    await vi.waitFor(() => expect(sinks.every((sink) => sink.writes.length === 1)).toBe(true), patient);
    expect(sinks.map((sink) => sink.events()[0])).toEqual([
      { number: 1, echo: '0' },
      { number: 1, echo: '0' },
      { number: 1, echo: '00' },
    ]);
  });

  it('does not let a variable that the operation does not declare part a group', async () => {
    const world = createWorld();
    await join(world, createListSink(), { variables: { junk: 1 } });
    await join(world, createListSink(), { variables: { junk: 2 } });
    expect(world.source.state.opened).toBe(1);
  });

  it('shares nothing when the selection depends on who looks, and then shows each its own', async () => {
    const world = createWorld();
    const query = 'subscription { counted { ...F } } fragment F on Counted { mine }';
    const sinks = [createListSink(), createListSink()] as const;
    await join(world, sinks[0], { query, viewer: 'ann' });
    await join(world, sinks[1], { query, viewer: 'bob' });
    world.source.append();
    await vi.waitFor(() => expect(sinks.every((sink) => sink.writes.length === 1)).toBe(true), patient);
    expect(sinks.map((sink) => sink.events()[0])).toEqual([{ mine: 'ann' }, { mine: 'bob' }]);
  });

  it('executes in a context of its own for each event, without a viewer', async () => {
    const world = createWorld();
    const sink = createListSink();
    await join(world, sink);
    world.source.append(3);
    await vi.waitFor(() => expect(sink.numbers()).toHaveLength(3), patient);
    expect(world.calls.contexts.size).toBe(3);
    for (const context of world.calls.contexts) expect(context.viewer).toBeNull();
    expect(new Set([...world.calls.contexts].map(({ loaders }) => loaders)).size).toBe(3);
  });

  it('delivers an event whose execution fails with its error, masked, and goes on', async () => {
    const world = createWorld();
    const sink = createListSink();
    await join(world, sink, { query: 'subscription { counted { number fails } }' });
    world.source.append(3);
    await vi.waitFor(() => expect(sink.numbers()).toEqual([1, 2, 3]), patient);
    expect(JSON.stringify(sink.results())).not.toContain('secret');
    expect(sink.results().map(({ errors }) => errors === undefined)).toEqual([true, false, true]);
    expect(world.logged).toHaveLength(1);
  });

  it('executes an event again while the store does not answer, and loses it to nobody', async () => {
    const world = createWorld();
    const sinks = [createListSink(), createListSink()];
    const query = 'subscription { counted { number stored } }';
    await Promise.all(sinks.map((sink) => join(world, sink, { query })));
    world.source.state.failNextLookups = 3;
    world.source.append(3);
    const expected = [1, 2, 3].map((number) => ({ data: { counted: { number, stored: number } } }));
    await vi.waitFor(() => {
      for (const sink of sinks) expect(sink.results()).toEqual(expected);
    }, patient);
  });

  it('keeps the order when executions end in another', async () => {
    const world = createWorld();
    const sink = createListSink();
    await join(world, sink, { query: 'subscription { counted { number slow } }' });
    for (let i = 0; i < 20; i += 1) {
      world.source.append(2);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await vi.waitFor(() => expect(sink.numbers()).toHaveLength(40), patient);
    expect(sink.numbers()).toEqual(Array.from({ length: 40 }, (_, i) => i + 1));
  });

  it('does not use a result that was overtaken by a change while it was made', async () => {
    const world = createWorld();
    const sink = createListSink();
    let name = 'old';
    let finish: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (finish = resolve));
    const counted = world.schema.getType('Counted') as GraphQLObjectType;
    counted.getFields()['echo']!.resolve = async () => {
      const seen = name;
      await held;
      return seen;
    };
    await join(world, sink, { query: 'subscription { counted { number echo } }' });
    world.source.append();
    await vi.waitFor(() => expect(world.calls.executions).toBe(1), patient);
    name = 'new';
    world.operations.forget(() => true);
    finish();
    await vi.waitFor(() => expect(sink.events()).toEqual([{ number: 1, echo: 'new' }]), patient);
  });

  it('makes a result anew once it is told that what it shows has changed', async () => {
    const world = createWorld();
    world.source.append(5);
    const [first, second] = [createListSink(), createListSink()];
    await join(world, first, { variables: { after: '0' } });
    await vi.waitFor(() => expect(first.numbers()).toHaveLength(5), patient);
    world.operations.forget((event) => (event as { number: number }).number === 3);
    await join(world, second, { variables: { after: '0' } });
    await vi.waitFor(() => expect(second.numbers()).toHaveLength(5), patient);
    expect(world.calls.executions).toBe(6);
  });
});

describe('what is measured', () => {
  it('is the way of each live event to its first subscriber, once', async () => {
    const metrics = createMetrics({ version: 'test' });
    const world = createWorld({ metrics });
    const sinks = [createListSink(), createListSink(), createListSink()];
    world.source.append(2);
    for (const sink of sinks) await join(world, sink, { variables: { after: '0' } });
    await vi.waitFor(() => expect(sinks.every((sink) => sink.numbers().length === 2)).toBe(true), patient);
    world.source.append(3);
    await vi.waitFor(() => expect(sinks.every((sink) => sink.numbers().length === 5)).toBe(true), patient);
    const { values } = await metrics.deliveryLagSeconds.get();
    expect(values.find(({ metricName }) => metricName?.endsWith('_count'))?.value).toBe(3);
  });
});

describe('a subscriber', () => {
  it.each<[string, Record<string, unknown>, string, string]>([
    [
      'may not',
      { room: 'none' },
      'subscription($room: ID) { counted(room: $room) { number } }',
      'ROOM_NOT_FOUND',
    ],
    ['starts nowhere', { after: 'nonsense' }, DOCUMENT, 'BAD_CURSOR'],
    [
      'selects nothing',
      {},
      'subscription { counted @skip(if: true) { number } }',
      'GRAPHQL_VALIDATION_FAILED',
    ],
  ])(
    'that %s is refused, joins nothing, and leaves nothing behind',
    async (_name, variables, query, code) => {
      const world = createWorld();
      const error = await join(world, createListSink(), { query, variables }).catch(
        (thrown: unknown) => thrown,
      );
      expect(codeOf(error as never)).toBe(code);
      expect(world.calls.joins).toEqual([]);
      expect(world.source.state.closed).toBe(world.source.state.opened);
    },
  );

  it('is counted in once and out once, however often it leaves', async () => {
    const world = createWorld();
    const one = await join(world, createListSink(), { viewer: 'ann' });
    const two = await join(world, createListSink(), { viewer: 'bob' });
    expect(world.calls.joins).toEqual(['ann', 'bob']);
    one.leave();
    one.leave();
    expect(world.calls.leaves).toEqual(['ann']);
    expect(world.source.state.closed).toBe(0);
    two.leave();
    expect(world.calls.leaves).toEqual(['ann', 'bob']);
    expect(world.source.state.closed).toBe(1);
  });

  it('that comes after the last one left is sent what follows', async () => {
    const world = createWorld();
    (await join(world, createListSink())).leave();
    const sink = createListSink();
    await join(world, sink);
    expect(world.source.state.opened).toBe(2);
    world.source.append();
    await vi.waitFor(() => expect(sink.numbers()).toEqual([1]), patient);
  });

  it('gets nothing after it left, also in the middle of a flush', async () => {
    const world = createWorld();
    const sinks = Array.from({ length: 600 }, () => createListSink());
    const members = await Promise.all(sinks.map((sink) => join(world, sink)));
    await caughtUp(world);
    for (const [index, sink] of sinks.entries()) {
      const deliver = sink.outlet.deliver.bind(sink.outlet);
      // Whoever is served first sends all others away.
      sink.outlet.deliver = (_sink, payloads) => {
        deliver(sink, payloads);
        for (const [other, member] of members.entries()) if (other !== index) member.leave();
      };
    }
    world.source.append();
    await vi.waitFor(() => expect(sinks.some((sink) => sink.writes.length > 0)).toBe(true), patient);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(sinks.filter((sink) => sink.writes.length > 0)).toHaveLength(1);
    expect(world.calls.leaves).toHaveLength(599);
  });

  it('gets nothing from before its join, and says so: the first live event is not replayed', async () => {
    const world = createWorld();
    world.source.append(3);
    const sink = createListSink();
    await join(world, sink);
    await caughtUp(world);
    world.source.append();
    await vi.waitFor(
      () => expect(sink.events()).toEqual([{ number: 4, replayed: false, skippedCount: 0 }]),
      patient,
    );
  });

  it('that does not read is not written to, and reads on from its cursor when it drains', async () => {
    const world = createWorld();
    const slow = createListSink({ stallAfter: 1 });
    const quick = createListSink();
    await join(world, slow);
    await join(world, quick);
    for (let i = 0; i < 30; i += 1) {
      world.source.append();
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    await vi.waitFor(() => expect(quick.numbers()).toHaveLength(30), patient);
    expect(slow.writes).toHaveLength(1);
    slow.drain();
    await vi.waitFor(() => expect(slow.numbers()).toEqual(quick.numbers()), patient);
  });

  it('is served behind more who do not read than are served in a turn', async () => {
    const world = createWorld();
    const slow = Array.from({ length: 300 }, () => createListSink());
    const quick = createListSink();
    const all = [...slow, quick];
    for (const sink of all) await join(world, sink);
    world.source.append();
    await vi.waitFor(() => expect(all.every(({ writes }) => writes.length === 1)).toBe(true), patient);
    // All have read to the end.
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    for (const sink of slow) sink.stall();
    world.source.append();
    await vi.waitFor(() => expect(quick.numbers()).toEqual([1, 2]), patient);
    expect(slow.filter(({ writes }) => writes.length > 1)).toEqual([]);
  });

  it('skips ahead by an exact count when it drains too far behind', async () => {
    const world = createWorld({ maxReplayed: 10 });
    const slow = createListSink({ stallAfter: 1 });
    await join(world, slow);
    world.source.append();
    await vi.waitFor(() => expect(slow.numbers()).toEqual([1]), patient);
    world.source.append(50);
    slow.drain();
    await vi.waitFor(() => expect(slow.numbers().at(-1)).toBe(51), patient);
    expect(slow.numbers()).toEqual([1, ...Array.from({ length: 10 }, (_, i) => 42 + i)]);
    expect(slow.events()[1]?.skippedCount).toBe(40);
  });

  it('that reads along skips nothing, however much comes at once', async () => {
    const world = createWorld({ maxReplayed: 10 });
    const sink = createListSink();
    await join(world, sink);
    await caughtUp(world);
    for (const head of [50, 100]) {
      world.source.append(50);
      await vi.waitFor(() => expect(sink.numbers().at(-1)).toBe(head), patient);
    }
    expect(sink.numbers()).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
  });

  it('stays when the store does not answer, and goes on when it does', async () => {
    const world = createWorld();
    const sink = createListSink();
    await join(world, sink);
    await caughtUp(world);
    world.source.state.failNextReads = 2;
    world.source.append();
    await vi.waitFor(() => expect(sink.numbers()).toEqual([1]), patient);
    expect(sink.errors).toEqual([]);
  });

  it('whose cursor is gone is ended with CURSOR_EXPIRED and counted out', async () => {
    const world = createWorld();
    const sink = createListSink();
    await join(world, sink);
    await caughtUp(world);
    world.source.state.expired = true;
    world.source.append();
    await vi.waitFor(() => expect(sink.errors.map(codeOf)).toEqual(['CURSOR_EXPIRED']), patient);
    expect(world.calls.leaves).toEqual(['v1']);
    expect(world.source.state.closed).toBe(1);
  });
});
