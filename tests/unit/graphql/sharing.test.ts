import * as fc from 'fast-check';
import { execute, parse, type ExecutionResult } from 'graphql';
import { expect, it, vi } from 'vitest';
import { codeOf } from '../../../src/graphql/errors.ts';
import { documents, type Generated } from './kit/documents.ts';
import { createListSink, createWorld, type World } from './kit/world.ts';

const BEFORE = 2;
const AFTER = 2;
const RUNS = 150;
const patient = { timeout: 20_000, interval: 1 };

interface Subscriber {
  readonly viewer: string;
  readonly operation: number;
  readonly start: number;
  readonly text: string | null | undefined;
  readonly yes: boolean;
}

const subscriber: fc.Arbitrary<Subscriber> = fc.record({
  viewer: fc.constantFrom('ann', 'bob'),
  operation: fc.nat(1),
  start: fc.integer({ min: 0, max: BEFORE }),
  text: fc.constantFrom('one', 'two', null, undefined),
  yes: fc.boolean(),
});

/** A result as a client may compare it: ids of requests differ by themselves, words of masked errors do not. */
const comparable = ({ data, errors }: ExecutionResult) => ({
  data: JSON.parse(JSON.stringify(data)) as unknown,
  errors: (errors ?? []).map((error) => ({ code: codeOf(error), path: error.path })),
});

const variablesOf = ({ start, text, yes }: Subscriber) => ({ start: String(start), text, yes });

/** What the subscriber would be sent if it were alone: each event executed by graphql-js for it, as itself. */
async function expected(world: World, query: string, operationName: string, who: Subscriber) {
  const results: unknown[] = [];
  for (let number = who.start + 1; number <= BEFORE + AFTER; number += 1) {
    const event = { number, replayed: number <= BEFORE, skippedCount: 0 };
    const result = await execute({
      schema: world.schema,
      document: parse(query),
      operationName,
      variableValues: variablesOf(who),
      rootValue: { counted: event },
      contextValue: { viewer: { id: who.viewer } },
    });
    results.push(comparable(result));
  }
  return results;
}

const counts = { documents: 0, refused: 0, subscribers: 0, groups: 0, results: 0 };

async function compare({ query, operationNames }: Generated, subscribers: readonly Subscriber[]) {
  const world = createWorld();
  counts.documents += 1;
  world.source.append(BEFORE);
  const members = subscribers.map((who) => {
    const operationName = operationNames[who.operation % operationNames.length]!;
    return { who, operationName, sink: createListSink() };
  });
  const lefts: (() => void)[] = [];
  for (const { who, operationName, sink } of members) {
    const prepared = world.operations.prepare({ query, operationName, variables: variablesOf(who) }, 'ws');
    if ('errors' in prepared) {
      // What is generated is sound: a few documents are too large.
      const [error] = prepared.errors;
      if (error === undefined || codeOf(error) !== 'OPERATION_TOO_COMPLEX') throw error;
      counts.refused += 1;
      return;
    }
    const context = world.operations.contextFor({
      viewer: { id: who.viewer, createdAt: new Date(0) },
      address: '192.0.2.1',
    });
    const joined = await world.operations.subscribe(prepared, context, sink);
    if ('errors' in joined) throw joined.errors[0]!;
    lefts.push(() => joined.leave());
  }
  const received = (until: number) =>
    vi.waitFor(() => {
      for (const { who, sink } of members) expect(sink.writes.flat()).toHaveLength(until - who.start);
    }, patient);
  await received(BEFORE);
  // Those that have caught up wait for the source from the next turn on: what follows is live for all.
  await new Promise((resolve) => setImmediate(resolve));
  world.source.append(AFTER);
  await received(BEFORE + AFTER);
  for (const { who, operationName, sink } of members) {
    const results = sink.results().map((result) => comparable(result as ExecutionResult));
    expect(results).toEqual(await expected(world, query, operationName, who));
    counts.results += results.length;
  }
  counts.subscribers += members.length;
  counts.groups += world.source.state.opened;
  for (const leave of lefts) leave();
  expect(world.source.state.closed).toBe(world.source.state.opened);
}

it('gives each subscriber of any document what it would be given if it were alone', async () => {
  const property = fc.asyncProperty(documents, fc.array(subscriber, { minLength: 2, maxLength: 5 }), compare);
  await fc.assert(property, { numRuns: RUNS });
  // Most documents are taken, most subscribers share, and some do not: else nothing was compared.
  expect(counts.refused).toBeLessThan(counts.documents / 3);
  expect(counts.groups).toBeLessThan(counts.subscribers);
  expect(counts.results).toBeGreaterThan(RUNS);
}, 120_000);
