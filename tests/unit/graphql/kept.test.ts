import { buildSchema } from 'graphql';
import { expect, it } from 'vitest';
import { createDocuments } from '../../../src/graphql/document.ts';
import { codeOf } from '../../../src/graphql/errors.ts';
import type { Prepared } from '../../../src/graphql/prepared.ts';
import { createListSink, createWorld, type World } from './kit/world.ts';

const MB = 1_048_576;

/** How many of these documents are found as they were when all of them had been asked for. */
function remembered(heapBytes: number, texts: readonly string[]): number {
  const schema = buildSchema('type Query { id: ID }');
  const documents = createDocuments({ schema, apiProfile: 'public', heapBytes });
  const first = texts.map((text) => documents.get(text));
  // From the newest on: what is not found any more takes the place of an older one.
  return texts.filter((_text, index) => documents.get(texts.at(-1 - index)!) === first.at(-1 - index)).length;
}

it('remembers documents, and refusals of them, by what they take, up to a part of the heap', () => {
  const documents = (count: number, fields: string) =>
    Array.from({ length: count }, (_, index) => `query q${index} { ${fields}}`);
  for (const name of ['id', 'no']) {
    const count = remembered(64 * MB, documents(25, `${name} `.repeat(300)));
    expect(count).toBeGreaterThan(10);
    expect(count).toBeLessThan(20);
  }
  expect(remembered(256 * MB, documents(25, 'id '.repeat(300)))).toBe(25);
  expect(remembered(64 * MB, documents(300, 'id '))).toBe(300);
});

const prepare = (world: World, query: string, variables = {}): Prepared =>
  world.operations.prepare({ query, variables }, 'ws') as Prepared;

/** Subscribes with this document; gives the code of a refusal, or how to leave. */
const subscribe = (world: World, from: string, query: string, variables = {}) =>
  subscribeWith(world, from, prepare(world, query, variables));

async function subscribeWith(world: World, from: string, prepared: Prepared) {
  const context = world.operations.contextFor({ viewer: null, address: from });
  const joined = await world.operations.subscribe(prepared, context, createListSink());
  return 'errors' in joined ? joined.errors.map(codeOf).join() : joined;
}

const ofItsOwn = (name: string) => `subscription { counted { ${name}: number } }`;

/** Subscribes with ever new documents until that is refused, up to 1,000 times; gives how many were open. */
async function fill(world: World, from: string): Promise<number> {
  for (let count = 0; count < 1000; count += 1) {
    if ((await subscribe(world, from, ofItsOwn(`a${from}_${count}`))) === 'OVERLOADED') return count;
  }
  return 1000;
}

it('opens so many different subscriptions for one address, and for all; what is the same is not counted again', async () => {
  const world = createWorld({ heapBytes: 8 * MB });
  const text = ofItsOwn('same');
  const [one, other] = [await subscribe(world, 'a', text), await subscribe(world, 'a', text)];
  const ofOne = await fill(world, 'a');
  expect(ofOne).toBeGreaterThan(20);
  expect(ofOne).toBeLessThan(40);
  expect(await subscribe(world, 'a', text)).toHaveProperty('leave');
  for (const from of ['b', 'c']) expect(await fill(world, from)).toBeGreaterThanOrEqual(ofOne);
  expect(await fill(world, 'd')).toBeGreaterThan(0);
  await fill(world, 'e');
  expect(await fill(world, 'f')).toBe(0);
  expect(await subscribe(world, 'e', text)).toHaveProperty('leave');
  for (const joined of [one, other]) if (typeof joined !== 'string') joined.leave();
});

it('lets others in when the last one with a document has left', async () => {
  const world = createWorld({ heapBytes: 8 * MB });
  const text = ofItsOwn('same');
  const [one, other] = [await subscribe(world, 'a', text), await subscribe(world, 'b', text)];
  await fill(world, 'a');
  if (typeof one === 'string' || typeof other === 'string') throw new Error('refused');
  one.leave();
  expect(await subscribe(world, 'a', ofItsOwn('another'))).toBe('OVERLOADED');
  other.leave();
  expect(await subscribe(world, 'a', ofItsOwn('another'))).toHaveProperty('leave');
});

it('counts what was left no more, and the same anew when it is opened again', async () => {
  const world = createWorld({ heapBytes: 8 * MB });
  const query = (name: number) => `subscription ($t: String) { counted { a${name}: echo(text: $t) } }`;
  const all = Array.from({ length: 200 }, (_, index) =>
    prepare(world, query(index), { t: 'x'.repeat(10_000) }),
  );
  const counts: number[] = [];
  for (const from of ['a', 'a', 'b']) {
    const opened: (() => void)[] = [];
    for (const each of all) {
      const joined = await subscribeWith(world, from, each);
      if (typeof joined === 'string') break;
      opened.push(() => joined.leave());
    }
    counts.push(opened.length);
    for (const leave of opened) leave();
  }
  const [count = 0] = counts;
  expect(counts).toEqual([count, count, count]);
  expect(count).toBeGreaterThan(0);
  expect(count).toBeLessThan(all.length);
});

it('counts a document for who brought it, as long as any group has it', async () => {
  const world = createWorld({ heapBytes: 256 * MB });
  const query = (name: string) => `subscription ($t: String) { counted { ${name}: echo(text: $t) } }`;
  const counts: number[] = [];
  for (const isLeft of [false, true]) {
    const from = String(isLeft);
    for (let count = 0; ; count += 1) {
      const one = await subscribe(world, from, query(`a${from}_${count}`), { t: 'one' });
      const other = await subscribe(world, `${from} other`, query(`a${from}_${count}`), { t: 'other' });
      if (typeof one === 'string' || typeof other === 'string') {
        counts.push(count);
        break;
      }
      if (isLeft) one.leave();
    }
  }
  const [kept = 0, left = 0] = counts;
  expect(left).toBeGreaterThan(kept - 1);
  expect(left).toBeLessThan(kept * 1.2);
});

it('counts long variables, and with a document that is open little else', async () => {
  const world = createWorld({ heapBytes: 8 * MB });
  const query = 'subscription ($t: String) { counted { echo(text: $t) } }';
  const last = async (length: number, count: number) => {
    let answer: unknown;
    for (let each = 0; each < count; each += 1) {
      answer = await subscribe(world, 'a', query, { t: String(each).padStart(length, 'x') });
    }
    return answer;
  };
  expect(await last(10, 200)).toHaveProperty('leave');
  expect(await last(60_000, 50)).toBe('OVERLOADED');
});
