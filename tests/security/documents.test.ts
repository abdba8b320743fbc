import { getIntrospectionQuery } from 'graphql';
import { describe, expect, it } from 'vitest';
import { useServer } from '../api/world.ts';
import { openSocket } from '../testkit/bare-socket.ts';
import { request } from '../testkit/graphql-client.ts';
import { createRoom, createVisitor, sendMessage } from '../testkit/seed.ts';
import { LONG, scaled } from './support/scale.ts';
import { report } from './support/table.ts';

interface Page {
  readonly messages: { readonly nodes: readonly { readonly text: string }[] };
}

const times = (count: number, of: (index: number) => string, between = ' '): string =>
  Array.from({ length: count }, (_, index) => of(index)).join(between);
const nested = (open: string, close: string, depth: number): string =>
  open.repeat(depth) + close.repeat(depth);

/** Documents that were seen to keep a server busy. All fit into a request. */
const HOSTILE: readonly (readonly [
  name: string,
  query: string,
  variables?: Readonly<Record<string, unknown>>,
])[] = [
  ['a field 4,000 times', `{ ${times(4000, () => 'viewer { id }')} }`],
  ['a field 4,000 times, short enough', `{ ${times(2000, () => 'a:id')} }`.slice(0, 8190)],
  [
    '200 fragments that overlap',
    `{ ${times(200, (i) => `...F${i}`)} } ${times(200, (i) => `fragment F${i} on Query { viewer { id } }`)}`,
  ],
  [
    '60 fragments that overlap, short enough',
    `{ ${times(40, (i) => `...F${i}`)} } ${times(30, (i) => `fragment F${i} on Query { a: viewer { id } }`)}`,
  ],
  [
    'fragments that spread each other',
    times(30, (i) => `fragment F${i} on Query { ...F${(i + 1) % 30} ...F${(i + 2) % 30} }`),
  ],
  [
    'fragments that double at each step',
    `{ ...F0 } ${times(25, (i) => `fragment F${i} on Query { ...F${i + 1} ...F${i + 1} }`)} fragment F25 on Query { __typename }`,
  ],
  [
    'fields that double at each step',
    `{ ...F0 } ${times(20, (i) => `fragment F${i} on Query { a: viewer { id } ...F${i + 1} b: viewer { id } ...F${i + 1} }`)} fragment F20 on Query { __typename }`,
  ],
  ['conflicts of every field with every other', `{ ${times(90, (i) => `x: room(id: "${i}") { id }`)} }`],
  [
    'nested conflicts',
    `{ ${times(14, (i) => `a: room(id: "x") { a: messages(first: ${i}) { a: nodes { id } } }`)} }`,
  ],
  ['inline fragments in each other', `{ ${nested('... on Query { ', '__typename } ', 100)} }`],
  ['inline fragments side by side', `{ ${times(130, () => '... { __typename }')} }`],
  ['a deep list', `{ nodes(ids: ${nested('[', ']', 4000)}) { id } }`],
  ['a deep list, short enough', `{ nodes(ids: ${nested('[', ']', 190)}) { id } }`],
  ['a deep object', `mutation { sendMessage(input: ${nested('{ a: ', ' 1 }', 95)}) { duplicate } }`],
  ['a deep type', `query ($a: ${nested('[', ']', 195)}) { __typename }`.replace('[]', '[Int]')],
  ['a number of 8,000 digits', `{ rooms(first: ${'9'.repeat(8000)}) { totalCount } }`],
  ['a number with 8,000 digits behind the point', `{ rooms(first: 1.${'9'.repeat(8000)}) { totalCount } }`],
  ['an exponent', '{ rooms(first: 1e999999999) { totalCount } }'],
  ['a block string of line breaks', `{ room(id: """${'\n'.repeat(8000)}""") { id } }`],
  ['a block string of indents', `{ room(id: """${times(2000, () => ' \n  ')}""") { id } }`],
  ['a block string of quotes', `{ room(id: """${'\\"""'.repeat(1900)}""") { id } }`],
  ['a text of escapes', `{ room(id: "${'\\u0041'.repeat(1300)}") { id } }`],
  ['a text that does not end', `{ room(id: "${'x'.repeat(8000)}`],
  ['comments', `{ __typename ${times(1500, () => '#x\n')} }`],
  ['commas', `{ __typename ${','.repeat(8000)} }`],
  ['byte order marks', `${'\ufeff'.repeat(2000)}{ __typename }`],
  ['braces that open', '{'.repeat(8000)],
  ['brackets that open', '['.repeat(8000)],
  ['unknown directives', `{ __typename ${times(190, (i) => `@d${i}`)} }`],
  ['the same directive', `{ __typename ${times(60, () => '@skip(if: false)')} }`],
  ['directives on variables', `query (${times(90, (i) => `$v${i}: Int`)}) { __typename }`],
  ['variables that are not used', `query (${times(95, (i) => `$v${i}: Int = ${i}`, ',')}) { __typename }`],
  ['many operations', times(60, (i) => `query Q${i} { __typename }`)],
  ['unknown fields', `{ ${times(380, (i) => `nope${i}`)} }`],
  ['unknown fields on many aliases', `{ ${times(120, (i) => `a${i}: rom${i}`)} }`],
  [
    'introspection that circles',
    '{ __schema { types { fields { type { fields { type { fields { type { name } } } } } } } } }',
  ],
  [
    'introspection, wide',
    `{ ${times(14, (i) => `a${i}: __schema { types { name fields { name args { name } } } }`)} }`,
  ],
  [
    'introspection, the whole schema many times',
    `{ __schema { ${times(14, (i) => `a${i}: types { ...T }`)} } } fragment T on __Type { name fields { name args { name type { ...U } } type { ...U ofType { ...U ofType { ...U } } } } } fragment U on __Type { name fields { name args { name description } description } }`,
  ],
  [
    'introspection, every type through every other',
    `{ ${times(13, (i) => `a${i}: __schema { types { fields { type { ...T } args { type { ...T } } } } }`)} } fragment T on __Type { kind name ofType { kind name ofType { kind name } } fields { name args { name type { name ofType { name } } } } }`,
  ],
  ['a text of 60 kB in a variable', 'query ($i: ID!) { room(id: $i) { id } }', { i: 'x'.repeat(60_000) }],
  [
    '20,000 ids in a variable',
    'query ($i: [ID!]!) { nodes(ids: $i) { id } }',
    { i: Array.from({ length: 20_000 }, () => 'x') },
  ],
  [
    'a deep variable',
    'query ($i: ID!) { room(id: $i) { id } }',
    { i: JSON.parse(nested('[', ']', 1000)) as unknown },
  ],
  [
    'an operation name of 60 kB in variables',
    'query ($n: String!) { roomByName(name: $n) { id } }',
    { n: 'ﷺ'.repeat(10_000) },
  ],
  [
    'a name of combining marks',
    'query ($n: String!) { roomByName(name: $n) { id } }',
    { n: `x${'\u0301\u0316'.repeat(9000)}` },
  ],
];

const KNOWN = new Set([
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
  'OPERATION_TOO_COMPLEX',
  'BAD_USER_INPUT',
  'BAD_REQUEST',
]);

/** Of each document, so that what else the machine does is not taken for it: every one is of another text. */
const TRIES = scaled(1, 5);
const MAX_BLOCK_MS = 50;
/** Several ticks of the clock that the server watches its event loop with. */
const TICKS_MS = 50;
/** Others use the machine too. */
const SLACK = 2;

let tried = 0;
const blocks: { readonly name: string; readonly ms: number }[] = [];
const longest = () => blocks.toSorted((one, other) => other.ms - one.ms)[0];
report('S8', () => ({
  tried,
  of: 'hostile documents',
  result: `refused or answered; the event loop was blocked for ${longest()?.ms.toFixed(0)} ms at most (${longest()?.name})`,
}));

describe('S8 documents that are meant to keep the server busy', () => {
  const server = useServer('embedded', { METRICS_PORT: '0' });

  /** The longest turn of the event loop since this was last asked. */
  async function blockedMs(): Promise<number> {
    const [, url = ''] = /metrics (http:\/\/[^\s,]+)/.exec(server.output) ?? [];
    const text = await (await fetch(url)).text();
    const [, seconds] = /^nodejs_eventloop_lag_max_seconds (\S+)$/m.exec(text) ?? [];
    return Number(seconds) * 1000;
  }

  it('are refused or answered, with a code of the contract', async () => {
    await request(server.url, '{ __typename }');
    const wrong: string[] = [];
    for (const [name, query, variables = {}] of HOSTILE) {
      let answer = await request(server.url, query, variables);
      let ms = Number.POSITIVE_INFINITY;
      for (let at = 0; at < TRIES; at += 1) {
        await blockedMs();
        // What is measured is the time between two ticks, and the first tick after a reading only begins to measure.
        await new Promise((resolve) => setTimeout(resolve, TICKS_MS));
        answer = await request(server.url, `${query}#${at}`, variables);
        ms = Math.min(ms, await blockedMs());
      }
      blocks.push({ name, ms });
      const code = answer.errors[0]?.extensions?.code;
      const fine = code === undefined ? answer.status === 200 && answer.data !== undefined : KNOWN.has(code);
      if (!fine) wrong.push(`${name}: ${answer.status} ${JSON.stringify(answer.errors).slice(0, 200)}`);
      tried += 1;
    }
    expect(wrong).toEqual([]);
    expect(server.output).not.toMatch(/"level":"error"/);
  });

  it('leave tools their introspection: twice in a document passes, three times does not', async () => {
    const asked = (count: number) =>
      getIntrospectionQuery()
        .replace(
          '__schema {',
          `${times(count, (i) => `a${i}: __schema { ...All }`)} } fragment All on __Schema {`,
        )
        .replace(/\}\s*\}\s*fragment FullType/, '} fragment FullType');
    for (const count of [1, 2]) {
      const { status, data } = await request<Record<string, { types: unknown[] }>>(server.url, asked(count));
      expect([status, Object.values(data ?? {}).map(({ types }) => types.length > 30)]).toEqual([
        200,
        Array.from({ length: count }, () => true),
      ]);
    }
    const { errors } = await request(server.url, asked(3));
    expect(errors.map(({ extensions }) => extensions?.code)).toEqual(['OPERATION_TOO_COMPLEX']);
  });

  // Promised of the long form: the short one tries each once, beside other tests.
  if (LONG) {
    it('keep nobody else waiting for more than 50 ms', () => {
      expect(blocks.filter(({ ms }) => ms > MAX_BLOCK_MS * SLACK)).toEqual([]);
    });
  }
});

describe('S8 what is asked for of long messages', () => {
  const server = useServer('embedded', { RATE_LIMITS: '1000' });

  it('is told up to a page of the longest; beyond, the operation is refused, over a socket too', async () => {
    const visitor = await createVisitor(server.url);
    const roomId = await createRoom(server.url, visitor);
    const text = '\u{1f600}'.repeat(2000);
    for (let sent = 0; sent < 100; sent += 1) await sendMessage(server.url, visitor, { roomId, text });
    const pages = (count: number) =>
      `{ ${times(count, (i) => `p${i}: room(id: "${roomId}") { messages(last: 100) { nodes { text } } }`)} }`;
    // What is asked for again is executed in another way.
    for (const _ of [1, 2, 3]) {
      const within = await request<Record<string, Page>>(server.url, pages(2));
      expect(within.errors).toEqual([]);
      expect(within.data?.['p1']?.messages.nodes.every((node) => node.text === text)).toBe(true);
      const { errors } = await request(server.url, pages(15));
      expect(new Set(errors.map(({ extensions }) => extensions?.code))).toEqual(
        new Set(['OPERATION_TOO_COMPLEX']),
      );
      tried += 1;
    }
    const socket = openSocket(`${server.url}/graphql`);
    await socket.init();
    socket.subscribe('1', pages(15));
    expect(JSON.stringify(await socket.any('1'))).toContain('OPERATION_TOO_COMPLEX');
    expect(server.output).not.toMatch(/"level":"error"/);
  });
});
