import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import {
  buildSchema,
  execute as executeByGraphqlJs,
  getVariableValues,
  Kind,
  parse,
  type ExecutionResult,
  type GraphQLFieldResolver,
  type GraphQLSchema,
  OperationTypeNode,
} from 'graphql';
import { describe, expect, it } from 'vitest';
import type { Context } from '../../../src/context.ts';
import { compile } from '../../../src/graphql/compiled.ts';
import { createDocuments } from '../../../src/graphql/document.ts';
import { createExecute } from '../../../src/graphql/execute.ts';
import { buildChatSchema } from '../../../src/graphql/schema.ts';
import type { Prepared } from '../../../src/graphql/prepared.ts';

const SDL = /* GraphQL */ `
  scalar Odd
  enum Kind {
    ROUND
    SQUARE
  }
  interface Node {
    id: ID!
  }
  type Query {
    item(n: Int = 1): Item
    items(n: Int): [Item!]
    must: Item!
  }
  type Mutation {
    change(n: Int!): Item
    mustChange: Item!
  }
  type Item implements Node {
    id: ID!
    n: Int
    name: String!
    kind: Kind
    odd: Odd
    self: Item
    must: Item!
    list: [Item]
    mustList: [Item!]!
    grid: [[Int]]
    node: Node
    echo(text: String = "by default", list: [Int!]): String
    plain: String
    method: String
    asks: String
  }
`;

/** A value of the tests: where it stands decides what its fields give. */
interface Item {
  readonly at: string;
  readonly plain: string;
  readonly method: () => string;
}

const itemAt = (at: string): Item => ({ at, plain: `plain ${at}`, method: () => `called at ${at}` });

/** FNV-1a: a number for a text. */
function numberOf(text: string): number {
  let hash = 2_166_136_261;
  for (const letter of text) hash = Math.imul(hash ^ letter.charCodeAt(0), 16_777_619);
  return Math.abs(hash);
}

const VALUES: Readonly<Record<string, (at: string) => unknown>> = {
  id: (at) => at,
  n: (at) => numberOf(at) % 100,
  name: (at) => `name ${at}`,
  kind: (at) => (numberOf(at) % 5 === 0 ? 'OVAL' : 'ROUND'),
  odd: (at) => numberOf(at),
  list: (at) => [itemAt(`${at}0`), null, itemAt(`${at}2`)],
  mustList: (at) => new Set([itemAt(`${at}0`), itemAt(`${at}1`)]),
  items: (at) => [itemAt(`${at}0`), itemAt(`${at}1`)],
  grid: (at) => [[1, 2], null, [numberOf(at) % 3 === 0 ? 'no number' : 3]],
};

/** What decides how the fields of one execution turn out. */
interface Chance extends Context {
  readonly seed: number;
  /** Of 1000 fields, so many are in trouble. */
  readonly trouble: number;
  readonly isLate: boolean;
}

function chanceOf(chance: Omit<Chance, keyof Context>): Chance {
  const context = { again: () => context, ...chance } as unknown as Chance;
  return context;
}

/**
 * A schema in which a field gives a value, null, or an error, by its place and a seed, at once or late. Not both at once:
 * when one item of a list fails at once and another one late, graphql-js leaves the second rejection to nobody.
 */
function createOddSchema() {
  const schema = buildSchema(SDL);
  const calls = { compiled: 0, mutations: 0 };

  function outcome(name: string, at: string, { seed, trouble, isLate }: Chance): unknown {
    const value = (): unknown => (VALUES[name] ?? itemAt)(at);
    const chance = numberOf(`${seed} ${at}`) % 1000;
    if (!isLate) {
      if (chance >= trouble) return value();
      if (chance % 3 === 0) return null;
      if (chance % 3 === 1) return new Error(`an error at ${at}`);
      throw new Error(`thrown at ${at}`);
    }
    if (chance >= trouble) return numberOf(`${at} ${seed}`) % 3 === 0 ? Promise.resolve(value()) : value();
    if (chance % 3 === 0) return Promise.resolve(null);
    if (chance % 3 === 1) return Promise.reject(new Error(`rejected at ${at}`));
    return new Promise((resolve) => setImmediate(() => resolve(value())));
  }

  const resolver =
    (name: string): GraphQLFieldResolver<Item | undefined, unknown> =>
    (...given) => {
      const [source, , context] = given;
      // graphql-js gives a fourth argument.
      if (Object.keys(given).length === 3) calls.compiled += 1;
      return outcome(name, `${source?.at ?? ''}/${name}`, context as Chance);
    };
  for (const type of ['Query', 'Mutation', 'Item']) {
    for (const [name, field] of Object.entries(
      (schema.getType(type) as never as { getFields(): object }).getFields(),
    )) {
      if (name !== 'plain' && name !== 'method') Object.assign(field as object, { resolve: resolver(name) });
    }
  }
  const set = (type: string, name: string, resolve: (...given: never[]) => unknown): void => {
    const { getFields } = schema.getType(type) as never as { getFields(): Record<string, object> };
    Object.assign(getFields.call(schema.getType(type))[name]!, { resolve });
  };
  set('Item', 'echo', (_source, args: object) => JSON.stringify(args));
  set(
    'Item',
    'asks',
    (source: Item, _args, _context, info: { path: { key: string } }) => `${source.at} ${info.path.key}`,
  );
  for (const name of ['change', 'mustChange']) {
    const change = resolver(name) as (...given: unknown[]) => unknown;
    set('Mutation', name, (...given: unknown[]) => {
      calls.mutations += 1;
      return change(...given);
    });
  }
  Object.assign(schema.getType('Node')!, { resolveType: () => 'Item' });
  Object.assign(schema.getType('Odd')!, {
    serialize(value: number) {
      if (value % 7 === 0) throw new Error(`no odd value: ${value}`);
      return value % 11 === 0 ? null : value % 2 === 1;
    },
  });
  return { schema, calls };
}

const LEAVES = ['id', 'n', 'name', 'kind', 'odd', 'plain', 'grid', '__typename'];
const RARE = ['method', 'asks', 'node { id }', 'node { __typename ... on Item { n } }'];
const ARGUMENTS = [
  '',
  '(text: null)',
  '(text: "a", list: [1, 2])',
  '(text: $text)',
  '(list: [1, $n])',
  '(list: $list)',
];
const WHEN = ['@include(if: true)', '@skip(if: true)', '@skip(if: $yes)', '@include(if: $yes)'];

const { selection } = fc.letrec<{ selection: string; piece: string }>((tie) => ({
  selection: fc
    .array(tie('piece'), { minLength: 1, maxLength: 4, depthIdentifier: 'odd' })
    .map((all) => all.join(' ')),
  piece: fc.oneof(
    { maxDepth: 3, depthIdentifier: 'odd' },
    { weight: 8, arbitrary: fc.constantFrom(...LEAVES) },
    { weight: 1, arbitrary: fc.constantFrom(...RARE) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.constantFrom(...LEAVES), fc.constantFrom(...WHEN))
        .map((parts) => parts.join(' ')),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.nat(9), fc.constantFrom(...ARGUMENTS))
        .map(([alias, given]) => `e${alias}${ARGUMENTS.indexOf(given)}: echo${given}`),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        '__proto__: n',
        '__proto__: __typename',
        'constructor: n',
        'toJSON: n',
        'then: n',
      ),
    },
    {
      weight: 3,
      arbitrary: fc
        .tuple(fc.constantFrom('self', 'must', 'list', 'mustList'), tie('selection'))
        .map(([name, inner]) => `${name} { ${inner} }`),
    },
    { weight: 1, arbitrary: tie('selection').map((inner) => `... on Node { ... on Item { ${inner} } }`) },
  ),
}));

const ROOTS = ['item', 'item(n: $n)', 'items', 'items(n: 3)', 'must'];
/** One or two of `roots`, each with a selection. */
const bodyOf = (...roots: readonly string[]) =>
  fc
    .array(fc.tuple(fc.constantFrom(...roots), selection), { minLength: 1, maxLength: 2 })
    .map((all) => `{ ${all.map(([root, inner], place) => `r${place}: ${root} { ${inner} }`).join(' ')} }`);

const TYPES: Readonly<Record<string, string>> = {
  text: 'String',
  n: 'Int!',
  list: '[Int!]',
  yes: 'Boolean!',
};
const VARIABLES = { text: 'given', n: 4, list: [7], yes: true };

/** The operation with the variables that it uses. */
function written(kind: string, body: string): string {
  const used = Object.entries(TYPES).filter(([name]) => body.includes(`$${name}`));
  const declared = used.map(([name, type]) => `$${name}: ${type}`).join(', ');
  return `${kind} ${declared === '' ? '' : `(${declared})`} ${body}`;
}

const documentsOf = (schema: GraphQLSchema) =>
  createDocuments({ schema, apiProfile: 'public', heapBytes: 2 ** 32 });

function prepare(schema: GraphQLSchema, text: string, documents = documentsOf(schema)): Prepared | null {
  const checked = documents.get(text);
  if ('errors' in checked) return null;
  const operation = checked.operations[0]!;
  const { coerced = {} } = getVariableValues(schema, operation.variableDefinitions ?? [], VARIABLES);
  return { kind: operation.operation, checked, operation, variables: VARIABLES, coerced, cost: 1 };
}

/** As clients see it. Errors of fields that run beside each other come in no order. */
function seen({ data, errors }: ExecutionResult): unknown {
  const told = (errors ?? []).map((error) => JSON.stringify(error)).sort();
  return { data: JSON.stringify(data), errors: told };
}

const CONTEXT = { again: (): Context => CONTEXT } as Context;

describe('execute', () => {
  it.each(['at once', 'late'])(
    'answers every document as graphql-js does, and runs no mutation twice: values %s',
    async (when) => {
      const counts = { documents: 0, refused: 0, compiled: 0, errors: 0 };
      const kinds = fc.oneof(
        bodyOf(...ROOTS).map((body) => written('query', body)),
        bodyOf('change(n: $n)', 'mustChange').map((body) => written('mutation', body)),
      );
      const { schema, calls } = createOddSchema();
      const documents = documentsOf(schema);
      const property = fc.asyncProperty(
        kinds,
        fc.nat(),
        fc.constantFrom(0, 60, 300),
        async (text, seed, trouble) => {
          const context = chanceOf({ seed, trouble, isLate: when === 'late' });
          calls.compiled = 0;
          calls.mutations = 0;
          counts.documents += 1;
          const prepared = prepare(schema, text, documents);
          if (prepared === null) {
            counts.refused += 1;
            return;
          }
          const expected = await executeByGraphqlJs({
            schema,
            document: prepared.checked.document,
            variableValues: VARIABLES,
            contextValue: context,
          });
          const once = calls.mutations;
          const execute = createExecute(schema);
          for (let execution = 0; execution < 3; execution += 1) {
            calls.mutations = 0;
            expect(seen(await execute(prepared, {}, context))).toEqual(seen(expected));
            expect(calls.mutations).toBe(once);
          }
          if (calls.compiled > 0) counts.compiled += 1;
          if (expected.errors !== undefined) counts.errors += 1;
        },
      );
      await fc.assert(property, { numRuns: 1000 });
      // Most are taken and compiled, and many of them fail somewhere: else nothing was compared.
      expect(counts.refused).toBeLessThan(counts.documents / 3);
      expect(counts.compiled).toBeGreaterThan(counts.documents / 3);
      expect(counts.errors).toBeGreaterThan(counts.documents / 10);
    },
    120_000,
  );
});

describe('execute, of what is compiled', () => {
  const words = buildSchema(/* GraphQL */ `
    type Query {
      word: Word
    }
    type Mutation {
      change: Int
    }
    type Word {
      length: Int
      next: Word
    }
  `);

  async function answers(text: string, rootValue: Readonly<Record<string, unknown>> = {}) {
    const prepared = prepare(words, text)!;
    const execute = createExecute(words);
    const { document } = prepared.checked;
    const expected = await executeByGraphqlJs({ schema: words, document, rootValue, contextValue: CONTEXT });
    for (let execution = 0; execution < 3; execution += 1) {
      expect(seen(await execute(prepared, rootValue, CONTEXT))).toEqual(seen(expected));
    }
    return expected.data;
  }

  it('reads each value once where nothing fails', async () => {
    let reads = 0;
    const word = {
      get length() {
        reads += 1;
        return 4;
      },
      next: Promise.resolve({ length: 5 }),
    };
    expect(await answers('{ word { length next { length } } }', { word })).toEqual({
      word: { length: 4, next: { length: 5 } },
    });
    expect(reads).toBe(4);
  });

  it('reads no fields of what is no object', async () => {
    expect(await answers('{ word { length } }', { word: 'four' })).toEqual({ word: { length: null } });
  });

  it.each([OperationTypeNode.QUERY, OperationTypeNode.MUTATION])(
    'reads the selection of a %s at its second execution, and not again',
    async (kind) => {
      const schema = buildSchema('type Query { word: Int } type Mutation { word: Int }');
      const given: number[] = [];
      let looks = 0;
      const resolve = (...all: readonly unknown[]) => given.push(all.length);
      const field = schema.getRootType(kind)!.getFields()['word']!;
      Object.defineProperty(field, 'resolve', {
        get() {
          looks += 1;
          return resolve;
        },
      });
      const prepared = prepare(schema, `${kind} { word }`)!;
      const execute = createExecute(schema);
      for (let execution = 0; execution < 2; execution += 1) await execute(prepared, {}, CONTEXT);
      looks = 0;
      for (let execution = 0; execution < 2; execution += 1) await execute(prepared, {}, CONTEXT);
      expect(looks).toBe(0);
      // graphql-js gives a fourth argument.
      expect(given).toEqual([4, 3, 3, 3]);
    },
  );

  it('needs no mutation in its schema', async () => {
    const schema = buildSchema('type Query { word: Int }');
    const prepared = prepare(schema, '{ word }')!;
    expect(await createExecute(schema)(prepared, { word: 4 }, CONTEXT)).toEqual({ data: { word: 4 } });
  });

  it('takes a function that a mutation gives for its result, and calls it no more than graphql-js does', async () => {
    let called = 0;
    Object.assign(words.getMutationType()!.getFields()['change']!, {
      resolve: () => () => (called += 1),
    });
    expect(await answers('mutation { change }')).toEqual({ change: null });
    expect(called).toBe(0);
  });
});

describe('compile', () => {
  const schema = buildChatSchema();
  const text = ['client/kit', 'client/src']
    .flatMap((folder) =>
      readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)),
    )
    .filter((file) => file.endsWith('.graphql'))
    .map((file) => readFileSync(file, 'utf8'));
  const { definitions } = parse(text.join('\n'));
  const operations = definitions.filter((each) => each.kind === Kind.OPERATION_DEFINITION);
  const fragments = Object.fromEntries(
    definitions.flatMap((each) => (each.kind === Kind.FRAGMENT_DEFINITION ? [[each.name.value, each]] : [])),
  );

  it('knows what the web client asks for, but for objects of any type', () => {
    const unknown = operations.filter((operation) => compile(schema, fragments, operation) === null);
    expect(unknown.map(({ name }) => name?.value)).toEqual(['RoomsAgain', 'ShownBelow']);
    expect(operations.length).toBeGreaterThan(8);
  });

  it('leaves no failure to nobody where one item of a list fails at once and others late, before or behind it', async () => {
    const words = buildSchema('type Query { words: [String!] }');
    const { operation, checked } = prepare(words, '{ words }')!;
    const { complete } = compile(words, checked.fragments, operation)!;
    const unheard: unknown[] = [];
    const note = (reason: unknown) => void unheard.push(reason);
    process.on('unhandledRejection', note);
    try {
      const late = () => Promise.reject(new Error('late'));
      expect(() => complete({ words: [late(), null, late()] }, { context: CONTEXT, variables: {} })).toThrow(
        /plain course/,
      );
      await new Promise(setImmediate);
    } finally {
      process.off('unhandledRejection', note);
    }
    expect(unheard).toEqual([]);
  });
});
