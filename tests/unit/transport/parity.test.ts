import { describe, expect, it, vi } from 'vitest';
import { codedGraphQLError, type Refusal } from '../../../src/graphql/errors.ts';
import { openSocket } from '../../testkit/bare-socket.ts';
import { startServer } from './kit/server.ts';

type Errors = { extensions: { code: string } }[];

const fields = (count: number, of: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => of(index)).join(' ');

/** Documents that are refused; `mark` makes each text its own, since a remembered one proves nothing. */
const REFUSED: [
  string,
  (mark: string) => { query: string; variables?: object; operationName?: string },
  string,
][] = [
  ['an empty document', (m) => ({ query: `# ${m}` }), 'GRAPHQL_PARSE_FAILED'],
  ['an unclosed brace', (m) => ({ query: `{ hello # ${m}` }), 'GRAPHQL_PARSE_FAILED'],
  ['a strange character', (m) => ({ query: `{ hello % } # ${m}` }), 'GRAPHQL_PARSE_FAILED'],
  ['an unknown field', (m) => ({ query: `{ nope${m} }` }), 'GRAPHQL_VALIDATION_FAILED'],
  ['an unknown argument', (m) => ({ query: `{ hello(x${m}: 1) }` }), 'GRAPHQL_VALIDATION_FAILED'],
  ['an unknown fragment', (m) => ({ query: `{ ...F${m} }` }), 'GRAPHQL_VALIDATION_FAILED'],
  [
    'a circling fragment',
    (m) => ({ query: `{ ...${m} } fragment ${m} on Query { hello ...${m} }` }),
    'GRAPHQL_VALIDATION_FAILED',
  ],
  ['a missing selection', (m) => ({ query: `{ ${m}: item }` }), 'GRAPHQL_VALIDATION_FAILED'],
  ['a selection on a leaf', (m) => ({ query: `{ ${m}: hello { x } }` }), 'GRAPHQL_VALIDATION_FAILED'],
  [
    'a literal of a wrong type',
    (m) => ({ query: `{ ${m}: needs(value: "1") }` }),
    'GRAPHQL_VALIDATION_FAILED',
  ],
  [
    'an unknown operation',
    (m) => ({ query: `query ${m} { hello }`, operationName: 'other' }),
    'GRAPHQL_VALIDATION_FAILED',
  ],
  [
    'operations, none chosen',
    (m) => ({ query: `query ${m} { hello } query B { hello }` }),
    'GRAPHQL_VALIDATION_FAILED',
  ],
  ['a directive that is unknown', (m) => ({ query: `{ hello @d${m} }` }), 'GRAPHQL_VALIDATION_FAILED'],
  [
    'depth',
    (m) => ({ query: `{ ${m}: item { ${'items { '.repeat(8)} id ${'} '.repeat(8)} } }` }),
    'OPERATION_TOO_COMPLEX',
  ],
  [
    'depth by fragments',
    (m) => ({
      query: `{ item { ...${m}0 } } ${fields(9, (i) => `fragment ${m}${i} on Item { items { ...${m}${i + 1} } }`)} fragment ${m}9 on Item { id }`,
    }),
    'OPERATION_TOO_COMPLEX',
  ],
  ['aliases', (m) => ({ query: `{ ${fields(16, (i) => `${m}${i}: hello`)} }` }), 'OPERATION_TOO_COMPLEX'],
  [
    'aliases of __typename',
    (m) => ({ query: `{ ${fields(16, (i) => `${m}${i}: __typename`)} }` }),
    'OPERATION_TOO_COMPLEX',
  ],
  ['tokens', (m) => ({ query: `query ${m} { ${fields(400, () => 'hello')} }` }), 'OPERATION_TOO_COMPLEX'],
  [
    'directives',
    (m) => ({ query: `query ${m} { hello ${fields(10, () => '@skip(if: false)')} }` }),
    'OPERATION_TOO_COMPLEX',
  ],
  ['characters', (m) => ({ query: `{ hello } # ${m} ${'x'.repeat(8200)}` }), 'OPERATION_TOO_COMPLEX'],
  [
    'cost by literals',
    (m) => ({ query: `query ${m} { items(first: 100) { items(first: 100) { id } } }` }),
    'OPERATION_TOO_COMPLEX',
  ],
  [
    'cost by variables',
    (m) => ({
      query: `query ${m}($n: Int) { items(first: $n) { items(first: 100) { id } } }`,
      variables: { n: 100 },
    }),
    'OPERATION_TOO_COMPLEX',
  ],
  ['a missing variable', (m) => ({ query: `query ${m}($v: Int!) { needs(value: $v) }` }), 'BAD_USER_INPUT'],
  [
    'a variable of a wrong type',
    (m) => ({ query: `query ${m}($v: Int!) { needs(value: $v) }`, variables: { v: { $gt: '' } } }),
    'BAD_USER_INPUT',
  ],
  [
    'a null where a default was',
    (m) => ({ query: `query ${m}($v: String = "x") { hello(name: $v) }`, variables: { v: null } }),
    'BAD_USER_INPUT',
  ],
  ['a failure of the server', (m) => ({ query: `{ ${m}: boom }` }), 'INTERNAL_SERVER_ERROR'],
  ['a failure with a code', (m) => ({ query: `{ ${m}: coded }` }), 'OVERLOADED'],
];

describe('the same code on every transport', () => {
  it.each(REFUSED)('for %s', async (_name, make, code) => {
    const { url } = await startServer();
    const post = (mark: string, accept: string) =>
      fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept },
        body: JSON.stringify(make(mark)),
      });
    const get = ({ query, ...more }: ReturnType<typeof make>) =>
      fetch(
        `${url}?${new URLSearchParams({
          query,
          ...(more.operationName === undefined ? {} : { operationName: more.operationName }),
          variables: JSON.stringify(more.variables ?? {}),
        })}`,
      );
    const errorsOf = async (response: Response) => ((await response.json()) as { errors: Errors }).errors;
    const socket = openSocket(url);
    await socket.init();
    socket.send({ type: 'subscribe', id: '1', payload: make('w') });
    const onSocket = (await socket.any('1')).payload as unknown as Errors | { errors: Errors };
    const events = await (await post('s', 'text/event-stream')).text();
    const data = /^data: (.*)$/m.exec(events)?.[1] ?? '{}';
    const all = {
      front: await errorsOf(await post('p', 'application/graphql-response+json')),
      yoga: await errorsOf(await get(make('g'))),
      sse: (JSON.parse(data) as { errors: Errors }).errors,
      ws: Array.isArray(onSocket) ? onSocket : onSocket.errors,
    };
    for (const [transport, errors] of Object.entries(all)) {
      expect({ transport, code: errors[0]?.extensions.code }).toEqual({ transport, code });
      expect(JSON.stringify(errors)).not.toMatch(/secret|"http"/);
    }
    // A remembered refusal is the same when another transport gives it.
    socket.send({ type: 'subscribe', id: '3', payload: make('s') });
    expect(JSON.stringify(await socket.any('3'))).not.toContain('"http"');
    socket.subscribe('2', '{ hello }');
    await socket.frame('complete', '2');
  });
});

/** Asks for one document on every transport, of which each waits until `due` is told why it is not read, or null. */
async function askEverywhere(query: string) {
  const server = await startServer();
  const { operations, url } = server;
  const due: ((refusal: Refusal | null) => void)[] = [];
  const asked = vi
    .spyOn(operations, 'turnOf')
    .mockImplementation(() => new Promise((resolve) => due.push(resolve)));
  const read = vi.spyOn(operations, 'prepare');
  const post = (accept: string) =>
    fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept },
      body: JSON.stringify({ query }),
    });
  const socket = openSocket(url);
  await socket.init();
  socket.subscribe('1', query);
  const answers = [
    post('application/json'),
    post('text/event-stream'),
    fetch(`${url}?query=${encodeURIComponent(query)}`),
  ];
  await vi.waitFor(() => expect(due).toHaveLength(4), { timeout: 20_000 });
  return { ...server, asked, read, due, answers, socket };
}

it('every transport waits with a document for the turn in which its caller may have it read', async () => {
  const query = '{ hello }';
  const { answers, asked, due, read, socket } = await askEverywhere(query);
  expect(asked.mock.calls.map(([request, address]) => [request.query, address])).toEqual(
    Array.from({ length: 4 }, () => [query, '127.0.0.1']),
  );
  expect(read).not.toHaveBeenCalled();
  for (const begin of due) begin(null);
  for (const answer of answers) expect(await (await answer).text()).toContain('hello you');
  expect(JSON.stringify(await socket.frame('next', '1'))).toContain('hello you');
});

it('every transport tells why a document is not read at all', async () => {
  const { answers, due, read, socket } = await askEverywhere('{ hello }');
  const errors = [codedGraphQLError('OVERLOADED', 'Too many.', 2000)];
  for (const end of due) end({ errors });
  for (const answer of answers) expect(await (await answer).text()).toContain('OVERLOADED');
  expect(JSON.stringify(await socket.frame('error', '1'))).toContain('OVERLOADED');
  expect(read).not.toHaveBeenCalled();
});

it('documents of a caller whose others were refused too often while they waited are not read', async () => {
  const { answers, due, limits, read, socket } = await askEverywhere('{ nope }');
  socket.ws.terminate();
  limits.refuse.set('refusedPerCaller', 5000);
  due[1]?.(null);
  await vi.waitFor(() => expect(read).toHaveBeenCalledOnce(), { timeout: 20_000 });
  await new Promise(setImmediate);
  for (const begin of due) begin(null);
  for (const answer of answers) expect(await (await answer).text()).toContain('RATE_LIMITED');
  // That of the socket has frames to count.
  await vi.waitFor(() => expect(read).toHaveBeenCalledTimes(2), { timeout: 20_000 });
});

describe('an operation of a socket that waits to be read', () => {
  /** A socket that has sent these operations, each of which waits for `begin`. */
  async function waiting(queries: readonly string[]) {
    const server = await startServer();
    let begin: () => void = () => undefined;
    const turn = new Promise<null>((resolve) => (begin = () => resolve(null)));
    const asked = vi.spyOn(server.operations, 'turnOf').mockReturnValue(turn);
    const socket = openSocket(server.url);
    await socket.init();
    for (const [id, query] of queries.entries()) socket.subscribe(String(id), query);
    await vi.waitFor(() => expect(asked).toHaveBeenCalledTimes(queries.length), { timeout: 20_000 });
    return { ...server, socket, begin };
  }

  it('is answered before a drain closes its socket: it may be a mutation', async () => {
    const { begin, socket, transport } = await waiting(['mutation { add(count: 7) }']);
    const drained = transport.drain({ delayMs: 0, windowMs: 0 });
    await vi.waitFor(() => expect(transport.server.listening).toBe(false), { timeout: 20_000 });
    await new Promise((resolve) => setTimeout(resolve, 50));
    begin();
    await drained;
    expect((await socket.closed()).code).toBe(1012);
    expect(socket.of('0')[0]?.payload).toEqual({ data: { add: 7 } });
  });

  it.each(['completes', 'closes'])(
    'is not run when its client %s it, unless it is a mutation',
    async (how) => {
      const queries = ['{ hello }', 'subscription { counted { number } }', 'mutation { add(count: 7) }'];
      const { begin, calls, metrics, operations, socket, source } = await waiting(queries);
      const run = vi.spyOn(operations, 'execute');
      const subscribe = vi.spyOn(operations, 'subscribe');
      if (how === 'closes') {
        socket.ws.terminate();
        const open = async () => (await metrics.wsConnections.get()).values[0]?.value;
        await vi.waitUntil(async () => (await open()) === 0, { timeout: 20_000 });
      } else {
        for (const id of queries.keys()) socket.send({ type: 'complete', id: String(id) });
        socket.send({ type: 'ping' });
        await socket.frame('pong');
      }
      begin();
      await vi.waitFor(() => expect(source.head()).toBe(7), { timeout: 20_000 });
      await new Promise(setImmediate);
      expect([run.mock.calls.length, subscribe.mock.calls.length, calls.joins]).toEqual([1, 0, []]);
    },
  );
});
