import { describe, expect, it, vi } from 'vitest';
import type { Prepared } from '../../../src/graphql/prepared.ts';
import { createListSink, createManualTime, createWorld, type World } from './kit/world.ts';

const patient = { timeout: 20_000 };
/** More than the server remembers. */
const DOCUMENTS = 1500;
const VARIABLES = 10_000;

const prepare = (world: World, query: string, variables: Record<string, unknown> = {}): Prepared => {
  const prepared = world.operations.prepare({ query, variables }, 'ws');
  if ('errors' in prepared) throw prepared.errors[0]!;
  return prepared;
};

async function join(world: World, prepared: Prepared, address = '192.0.2.1') {
  const sink = createListSink();
  const context = world.operations.contextFor({
    viewer: { id: 'v1', createdAt: new Date(0) },
    address,
  });
  const joined = await world.operations.subscribe(prepared, context, sink);
  if ('errors' in joined) throw joined.errors[0]!;
  return { sink, leave: () => joined.leave() };
}

describe('subscribers that are all different', () => {
  it('by their documents are each sent their own result, and no more documents are kept than may be', async () => {
    const world = createWorld();
    const query = (index: number) => `subscription { counted { a${index}: number } }`;
    const first = prepare(world, query(0));
    const members: Awaited<ReturnType<typeof join>>[] = [];
    for (let index = 0; index < DOCUMENTS; index += 1) {
      members.push(await join(world, prepare(world, query(index))));
    }
    world.source.append();
    await vi.waitFor(() => {
      for (const { sink } of members) expect(sink.writes).toHaveLength(1);
    }, patient);
    expect(members.map(({ sink }) => sink.events()[0])).toEqual(
      members.map((_, index) => ({ [`a${index}`]: 1 })),
    );
    expect(prepare(world, query(DOCUMENTS - 1)).checked).toBe(prepare(world, query(DOCUMENTS - 1)).checked);
    expect(prepare(world, query(0)).checked).not.toBe(first.checked);
    for (const { leave } of members) leave();
    expect(world.source.state).toMatchObject({ opened: DOCUMENTS, closed: DOCUMENTS });
  });

  it('by their variables are each sent their own result, and leave nothing behind', async () => {
    const world = createWorld();
    const query = 'subscription($text: String) { counted { echo(text: $text) } }';
    const members: Awaited<ReturnType<typeof join>>[] = [];
    for (let index = 0; index < VARIABLES; index += 1) {
      members.push(await join(world, prepare(world, query, { text: `text ${index}` })));
    }
    world.source.append();
    await vi.waitFor(() => expect(members.every(({ sink }) => sink.writes.length === 1)).toBe(true), patient);
    expect(members.map(({ sink }) => sink.events()[0])).toEqual(
      members.map((_, index) => ({ echo: `text ${index}` })),
    );
    for (const { leave } of members) leave();
    expect(world.source.state).toMatchObject({ opened: VARIABLES, closed: VARIABLES });
    expect(world.calls.leaves).toHaveLength(VARIABLES);
  });

  it('of one address have their events executed over turns by what they cost, and others do not wait for it', async () => {
    const { nextTurn, turn } = createManualTime();
    const world = createWorld({ nextTurn });
    // Each costs more than a fiftieth of what is executed in a turn.
    const name = 'a'.repeat(6400);
    const long = (index: number) => `subscription { counted { ${name}${index}: number } }`;
    const members: Awaited<ReturnType<typeof join>>[] = [];
    for (let index = 0; index < 120; index += 1) members.push(await join(world, prepare(world, long(index))));
    const short = await join(world, prepare(world, 'subscription { counted { replayed } }'));
    const other = await join(world, prepare(world, long(120)), '198.51.100.7');
    // Who came to a group of the first, whose turn would be the last one.
    const joined = await join(world, prepare(world, long(119)), '198.51.100.7');
    for (let turns = 0; turns < 4; turns += 1) turn();
    world.source.append();
    const executed: number[] = [];
    /** The others, when the first turn with executions is over. */
    const served: number[] = [];
    for (let turns = 0; turns < 20; turns += 1) {
      const before = world.calls.executions;
      turn();
      await new Promise(setImmediate);
      executed.push(world.calls.executions - before);
      if (executed.filter((count) => count > 0).length !== 1) continue;
      served.push(...[short, other, joined].map(({ sink }) => sink.writes.length));
    }
    expect(executed.filter((count) => count > 0)).toEqual([51, 49, 21]);
    expect(served.slice(0, 3)).toEqual([1, 1, 1]);
    for (const { sink } of members) expect(sink.writes).toHaveLength(1);
    for (const { leave } of [...members, short, other, joined]) leave();
    expect(world.source.state).toMatchObject({ opened: 122, closed: 122 });
  });
});
