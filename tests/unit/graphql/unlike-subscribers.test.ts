import { describe, expect, it, vi } from 'vitest';
import type { Prepared } from '../../../src/graphql/prepared.ts';
import { createListSink, createWorld, type World } from './kit/world.ts';

const patient = { timeout: 20_000 };
/** More than the server remembers. */
const DOCUMENTS = 1500;
const VARIABLES = 10_000;

const prepare = (world: World, query: string, variables: Record<string, unknown> = {}): Prepared => {
  const prepared = world.operations.prepare({ query, variables }, 'ws');
  if ('errors' in prepared) throw prepared.errors[0]!;
  return prepared;
};

async function join(world: World, prepared: Prepared) {
  const sink = createListSink();
  const context = world.operations.contextFor({
    viewer: { id: 'v1', createdAt: new Date(0) },
    address: '192.0.2.1',
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
});
