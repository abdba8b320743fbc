import { describe, expect, it } from 'vitest';
import { useServer } from '../api/world.ts';
import { createRoom, createVisitor } from '../testkit/seed.ts';
import { openSocket } from '../testkit/bare-socket.ts';
import { report } from './support/table.ts';

interface Asked {
  readonly query: string;
  readonly variables?: Readonly<Record<string, unknown>>;
  readonly operationName?: string;
}
interface Answer {
  readonly errors?: readonly { readonly extensions?: { readonly code?: string } }[];
}
/** `mark` makes each text its own on each transport: a remembered document proves nothing. */
type Make = (mark: string) => Asked;
/** Name, document, code; null when it is just inside the limit and must work. */
type Case = readonly [name: string, make: Make, code: string | null];

const times = (count: number, of: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => of(index)).join(' ');

/** `{ room { messages { nodes { room { … id } } } } }` with so many levels below the root. */
function nested(mark: string, depth: number): string {
  const steps = ['messages(first: 1)', 'nodes', 'room'];
  const names = [
    `${mark}: room(id: "x")`,
    ...Array.from({ length: depth - 1 }, (_, at) => steps[at % 3] ?? ''),
  ];
  return `{ ${names.join(' { ')} { __typename ${'}'.repeat(names.length)} }`;
}

/** The same levels, each in a fragment of its own. */
function nestedByFragments(mark: string, depth: number): string {
  const steps = [
    ['Room', 'messages(first: 1)'],
    ['MessageConnection', 'nodes'],
    ['Message', 'room'],
  ];
  const fragments = Array.from({ length: depth - 1 }, (_, at) => {
    const [type = '', field = ''] = steps[at % 3] ?? [];
    return `fragment ${mark}${at} on ${type} { ${field} { ${at === depth - 2 ? '__typename' : `...${mark}${at + 1}`} } }`;
  });
  return `query ${mark} { room(id: "x") { ...${mark}0 } } ${fragments.join(' ')}`;
}

const padded = (start: string, length: number): string => `${start}#${'x'.repeat(length - start.length - 1)}`;
const page = (mark: string, rooms: string, messages: string, variables = '') =>
  `query ${mark}${variables} { rooms(first: ${rooms}) { nodes { messages(first: ${messages}) { nodes { id } } } } }`;
const ids = (count: number): string[] => Array.from({ length: count }, (_, index) => `none${index}`);

const COMPLEX = 'OPERATION_TOO_COMPLEX';
const INVALID = 'GRAPHQL_VALIDATION_FAILED';
const INPUT = 'BAD_USER_INPUT';

const CASES: readonly Case[] = [
  ['an empty document', (m) => ({ query: `# ${m}` }), 'GRAPHQL_PARSE_FAILED'],
  ['a brace that is not closed', (m) => ({ query: `{ settings { # ${m}` }), 'GRAPHQL_PARSE_FAILED'],
  ['a strange character', (m) => ({ query: `{ ${m} % }` }), 'GRAPHQL_PARSE_FAILED'],
  ['a field that is unknown', (m) => ({ query: `{ nope${m} }` }), INVALID],
  ['an argument that is unknown', (m) => ({ query: `{ rooms(x${m}: 1) { totalCount } }` }), INVALID],
  ['a fragment that circles', (m) => ({ query: `{ ...${m} } fragment ${m} on Query { ...${m} }` }), INVALID],
  ['a literal of a wrong type', (m) => ({ query: `{ ${m}: rooms(first: "1") { totalCount } }` }), INVALID],
  [
    'an operation that is not there',
    (m) => ({ query: `query ${m} { viewer { id } }`, operationName: 'other' }),
    INVALID,
  ],
  [
    'several operations and none chosen',
    (m) => ({ query: `query ${m} { viewer { id } } query B { viewer { id } }` }),
    INVALID,
  ],
  ['depth 8', (m) => ({ query: nested(m, 7) }), null],
  ['depth 9', (m) => ({ query: nested(m, 8) }), COMPLEX],
  ['depth 8 by fragments', (m) => ({ query: nestedByFragments(m, 7) }), null],
  ['depth 9 by fragments', (m) => ({ query: nestedByFragments(m, 8) }), COMPLEX],
  [
    '15 aliases',
    (m) => ({ query: `{ ${times(15, (i) => `${m}${i}: settings { maxMessageLength }`)} }` }),
    null,
  ],
  [
    '16 aliases',
    (m) => ({ query: `{ ${times(16, (i) => `${m}${i}: settings { maxMessageLength }`)} }` }),
    COMPLEX,
  ],
  ['15 aliases of __typename', (m) => ({ query: `{ ${times(15, (i) => `${m}${i}: __typename`)} }` }), null],
  [
    '16 aliases of __typename',
    (m) => ({ query: `{ ${times(16, (i) => `${m}${i}: __typename`)} }` }),
    COMPLEX,
  ],
  [
    '9 directives',
    (m) => ({ query: `query ${m} { ${times(9, () => '__typename @skip(if: false)')} }` }),
    null,
  ],
  [
    '10 directives',
    (m) => ({ query: `query ${m} { ${times(10, () => '__typename @skip(if: false)')} }` }),
    COMPLEX,
  ],
  [
    '10 directives by variable',
    (m) => ({
      query: `query ${m}($s: Boolean!) { ${times(10, () => '__typename @skip(if: $s)')} }`,
      variables: { s: false },
    }),
    COMPLEX,
  ],
  ['400 tokens', (m) => ({ query: `query ${m} { ${times(396, () => '__typename')} }` }), null],
  ['401 tokens', (m) => ({ query: `query ${m} { ${times(397, () => '__typename')} }` }), COMPLEX],
  ['8,192 characters', (m) => ({ query: padded(`query ${m} { __typename } `, 8192) }), null],
  ['8,193 characters', (m) => ({ query: padded(`query ${m} { __typename } `, 8193) }), COMPLEX],
  ['a cost within, by literals', (m) => ({ query: page(m, '24', '100') }), null],
  ['a cost beyond, by literals', (m) => ({ query: page(m, '25', '100') }), COMPLEX],
  [
    'a cost within, by variables',
    (m) => ({ query: page(m, '$a', '$b', '($a: Int, $b: Int)'), variables: { a: 24, b: 100 } }),
    null,
  ],
  [
    'a cost beyond, by variables',
    (m) => ({ query: page(m, '$a', '$b', '($a: Int, $b: Int)'), variables: { a: 25, b: 100 } }),
    COMPLEX,
  ],
  [
    'a cost beyond, by defaults',
    (m) => ({ query: page(m, '$a', '$b', '($a: Int = 25, $b: Int = 100)') }),
    COMPLEX,
  ],
  ['a page of 100', (m) => ({ query: `{ ${m}: rooms(first: 100) { totalCount } }` }), null],
  ['a page of 101', (m) => ({ query: `{ ${m}: rooms(first: 101) { totalCount } }` }), INPUT],
  [
    'a page of 100 by variable',
    (m) => ({ query: `query ${m}($n: Int) { rooms(first: $n) { totalCount } }`, variables: { n: 100 } }),
    null,
  ],
  [
    'a page of 101 by variable',
    (m) => ({ query: `query ${m}($n: Int) { rooms(first: $n) { totalCount } }`, variables: { n: 101 } }),
    INPUT,
  ],
  ['a page of 0', (m) => ({ query: `{ ${m}: rooms(first: 0) { totalCount } }` }), INPUT],
  [
    'a page of -1 by variable',
    (m) => ({ query: `query ${m}($n: Int) { rooms(first: $n) { totalCount } }`, variables: { n: -1 } }),
    INPUT,
  ],
  ['100 nodes', (m) => ({ query: `{ ${m}: nodes(ids: ${JSON.stringify(ids(100))}) { id } }` }), null],
  ['101 nodes', (m) => ({ query: `{ ${m}: nodes(ids: ${JSON.stringify(ids(101))}) { id } }` }), INPUT],
  [
    '100 nodes by variable',
    (m) => ({ query: `query ${m}($i: [ID!]!) { nodes(ids: $i) { id } }`, variables: { i: ids(100) } }),
    null,
  ],
  [
    '101 nodes by variable',
    (m) => ({ query: `query ${m}($i: [ID!]!) { nodes(ids: $i) { id } }`, variables: { i: ids(101) } }),
    INPUT,
  ],
  ['a variable that is missing', (m) => ({ query: `query ${m}($i: ID!) { node(id: $i) { id } }` }), INPUT],
  [
    'a variable of a wrong type',
    (m) => ({
      query: `query ${m}($n: Int) { rooms(first: $n) { totalCount } }`,
      variables: { n: { $gt: 0 } },
    }),
    INPUT,
  ],
  [
    'a number that is no Int',
    (m) => ({ query: `query ${m}($n: Int) { rooms(first: $n) { totalCount } }`, variables: { n: 2 ** 40 } }),
    INPUT,
  ],
  [
    'a cursor of nothing',
    (m) => ({ query: `{ ${m}: rooms(after: "nonsense") { totalCount } }` }),
    'BAD_CURSOR',
  ],
  [
    'a cursor of nothing by variable',
    (m) => ({
      query: `query ${m}($c: String) { rooms(after: $c) { totalCount } }`,
      variables: { c: 'nonsense' },
    }),
    'BAD_CURSOR',
  ],
  [
    'the introspection of one type',
    (m) => ({ query: `{ ${m}: __type(name: "Room") { name fields { name } } }` }),
    null,
  ],
  [
    'introspection that circles',
    (m) => ({
      query: `{ ${m}: __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }`,
    }),
    COMPLEX,
  ],
];

const HARDENED: readonly Case[] = [
  ['introspection of the schema', (m) => ({ query: `{ ${m}: __schema { queryType { name } } }` }), INVALID],
  ['introspection of a type', (m) => ({ query: `{ ${m}: __type(name: "Room") { name } }` }), INVALID],
  ['__typename', (m) => ({ query: `{ ${m}: __typename }` }), null],
];

let tried = 0;
let transports = 0;
report('S3', () => ({
  tried,
  of: `documents x ${transports} transports`,
  result: 'same code everywhere; the socket and its subscription live on',
}));

/** Sends one document over each transport, each text its own, and gives the first code of each answer. */
async function codes(url: string, socket: ReturnType<typeof openSocket>, make: Make, id: string) {
  const first = (answer: Answer) => answer.errors?.[0]?.extensions?.code ?? null;
  const post = (mark: string, accept: string) =>
    fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept },
      body: JSON.stringify(make(mark)),
    });
  const { query, variables, operationName } = make(`g${id}`);
  const search = new URLSearchParams({ query, variables: JSON.stringify(variables ?? {}) });
  if (operationName !== undefined) search.set('operationName', operationName);
  const events = await (await post(`s${id}`, 'text/event-stream')).text();
  socket.send({ type: 'subscribe', id, payload: make(`w${id}`) });
  const answered = (await socket.any(id)).payload as unknown as Answer | Answer['errors'];
  const all = {
    front: first((await (await post(`p${id}`, 'application/json')).json()) as Answer),
    get: first(
      (await (
        await fetch(`${url}/graphql?${search}`, {
          headers: { 'x-graphql-yoga-csrf': '1' },
        })
      ).json()) as Answer,
    ),
    events: first(JSON.parse(/^data: (.*)$/m.exec(events)?.[1] ?? '{}') as Answer),
    socket: first(
      Array.isArray(answered) ? { errors: answered as NonNullable<Answer['errors']> } : (answered as Answer),
    ),
  };
  transports = Object.keys(all).length;
  tried += 1;
  return all;
}

describe.each([
  ['public', CASES],
  ['hardened', HARDENED],
] as const)('S3 the %s profile answers alike on every transport', (profile, cases) => {
  const server = useServer('embedded', { API_PROFILE: profile });

  it('each limit just inside and just outside, by literal and by variable, while a neighbouring subscription goes on', async () => {
    const { url } = server;
    const visitor = await createVisitor(url);
    const roomId = await createRoom(url, visitor);
    const socket = openSocket(`${url}/graphql`);
    await socket.init();
    socket.subscribe('live', 'subscription ($r: ID!) { messageAdded(roomId: $r) { message { number } } }', {
      r: roomId,
    });
    const results = [];
    for (const [index, [name, make, code]] of cases.entries()) {
      results.push({ name, expected: code, ...(await codes(url, socket, make, `x${index}`)) });
    }
    const expected = cases.map(([name, , code]) => ({
      name,
      expected: code,
      front: code,
      get: code,
      events: code,
      socket: code,
    }));
    expect(results).toEqual(expected);
    await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${visitor.token}` },
      body: JSON.stringify({
        query: 'mutation ($i: SendMessageInput!) { sendMessage(input: $i) { userErrors { code } } }',
        variables: { i: { roomId, text: 'still here?' } },
      }),
    });
    expect((await socket.frame('next', 'live')).payload).toEqual({
      data: { messageAdded: { message: { number: 1 } } },
    });
  });
});

describe('S3 what is too large', () => {
  const server = useServer('embedded');

  it('is refused by the body limit over HTTP and by 1009 over a socket, and just inside works', async () => {
    const { url } = server;
    const body = (bytes: number) => {
      const start = '{"query":"{ __typename }","extensions":{"x":"';
      return `${start}${'x'.repeat(bytes - start.length - 3)}"}}`;
    };
    const post = async (bytes: number, accept: string) => {
      const response = await fetch(`${url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept },
        body: body(bytes),
      });
      return { status: response.status, text: await response.text() };
    };
    for (const accept of ['application/json', 'text/event-stream']) {
      expect((await post(65_536, accept)).text).toContain('{"data":{"__typename":"Query"}}');
      const refused = await post(65_537, accept);
      expect(refused.status).toBe(413);
      expect(refused.text).toContain('BAD_REQUEST');
    }
    const [neighbour, socket] = [openSocket(`${url}/graphql`), openSocket(`${url}/graphql`)];
    await Promise.all([neighbour.init(), socket.init()]);
    const frame = (bytes: number) => {
      const start = '{"type":"subscribe","id":"1","payload":{"query":"{ __typename }","extensions":{"x":"';
      return `${start}${'x'.repeat(bytes - start.length - 4)}"}}}`;
    };
    socket.send(frame(65_536));
    expect((await socket.any('1')).payload).toEqual({ data: { __typename: 'Query' } });
    socket.send(frame(65_537));
    expect((await socket.closed()).code).toBe(1009);
    neighbour.subscribe('n', '{ __typename }');
    await neighbour.frame('complete', 'n');
  });
});
