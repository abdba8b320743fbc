import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildSchema } from 'graphql';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { openSocket, raw, refusedUpgrade } from '../../testkit/bare-socket.ts';
import { startServer } from './kit/server.ts';

const patient = { timeout: 20_000 };
const json = { 'content-type': 'application/json' };
/** Java's own client offers HTTP/2 with the first request of every connection, and curl does with --http2. */
const OFFER = 'Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk';
const BODY = JSON.stringify({ query: '{ hello }' });
const post = (url: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(url, {
    method: 'POST',
    headers: { ...json, ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });

interface Answer {
  data?: unknown;
  errors?: { message: string; extensions: Record<string, unknown> }[];
}
const codeOf = async (response: Response) =>
  ((await response.json()) as Answer).errors?.map(({ extensions }) => extensions['code']);

describe('POST /graphql', () => {
  it('runs a query and a mutation', async () => {
    const { url } = await startServer();
    const response = await post(url, { query: '{ hello(name: "é☃") }' });
    expect([response.status, await response.json()]).toEqual([200, { data: { hello: 'hello é☃' } }]);
    expect(await (await post(url, { query: 'mutation { add(count: 2) }' })).json()).toEqual({
      data: { add: 2 },
    });
  });

  it.each(['application/json', 'text/event-stream'])(
    'asked by who has gone away, for %s: mutates, and reads nothing',
    async (accept) => {
      const limit = vi.fn((_limit: string) => undefined);
      const { url, source, limits } = await startServer({
        identify(request) {
          request.socket.destroy();
          return { subject: 'gone' };
        },
      });
      limits.refuse.get = limit;
      for (const query of ['{ hello }', 'mutation { add(count: 2) }']) {
        await expect(post(url, { query }, { accept })).rejects.toThrow('fetch failed');
      }
      await vi.waitFor(() => expect(source.head()).toBe(2), patient);
      expect(limit).not.toHaveBeenCalledWith('queryPerCaller');
    },
  );

  it.each<[string, string | undefined, string, number]>([
    ['nothing in particular', undefined, 'application/json', 400],
    ['anything', '*/*', 'application/json', 400],
    ['JSON alone', 'application/json', 'application/json', 200],
    ['JSON before anything', 'application/json, */*;q=0.1', 'application/json', 400],
    [
      'the media type of GraphQL',
      'application/graphql-response+json',
      'application/graphql-response+json',
      400,
    ],
    [
      'both',
      'application/graphql-response+json, application/json;q=0.9',
      'application/graphql-response+json',
      400,
    ],
    [
      'both, and JSON rather',
      'application/graphql-response+json;q=0.5, application/json;q=0.9',
      'application/json',
      400,
    ],
    [
      'both alike',
      'application/json; charset=utf-8, application/graphql-response+json; charset=utf-8',
      'application/graphql-response+json',
      400,
    ],
  ])('answers a client that accepts %s in its way', async (_name, accept, type, status) => {
    const { url } = await startServer();
    const headers = accept === undefined ? {} : { accept };
    const response = await post(url, { query: '{ nope }' }, headers);
    expect([response.status, response.headers.get('content-type')]).toEqual([
      status,
      `${type}; charset=utf-8`,
    ]);
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    expect(response.headers.get('x-powered-by')).toBeNull();
  });

  it.each<[string, unknown, Record<string, string>, number]>([
    ['no JSON', '{"query":', {}, 400],
    ['an empty body', '', {}, 400],
    ['a batch', [{ query: '{ hello }' }], {}, 400],
    ['null', null, {}, 400],
    ['no query', { variables: {} }, {}, 400],
    ['a query that is no text', { query: 7 }, {}, 400],
    ['variables that are no object', { query: '{ hello }', variables: [1] }, {}, 400],
    ['an unknown parameter', { query: '{ hello }', nonsense: 1 }, {}, 400],
    ['one whose long name is cut', { query: '{ hello }', [`x${'\u{1f600}'.repeat(60)}`]: 1 }, {}, 400],
    ['a form', 'query=%7Bhello%7D', { 'content-type': 'application/x-www-form-urlencoded' }, 415],
    ['plain text', '{"query":"{hello}"}', { 'content-type': 'text/plain' }, 415],
    ['multipart', '--x--', { 'content-type': 'multipart/form-data; boundary=x' }, 415],
    ['a document as a body', '{ hello }', { 'content-type': 'application/graphql' }, 415],
    ['another charset', { query: '{ hello }' }, { 'content-type': 'application/json; charset=latin1' }, 415],
    ['a compressed body', { query: '{ hello }' }, { 'content-encoding': 'gzip' }, 415],
    ['an answer that is no JSON', { query: '{ hello }' }, { accept: 'image/png' }, 406],
    ['a subscription without events', { query: 'subscription { counted { number } }' }, {}, 400],
  ])('refuses %s as BAD_REQUEST', async (_name, body, headers, status) => {
    const { url } = await startServer();
    const response = await post(url, body, headers);
    expect(response.status).toBe(status);
    const { errors = [] } = (await response.json()) as Answer;
    expect(errors).toMatchObject([{ extensions: { code: 'BAD_REQUEST' } }]);
    expect(errors[0]!.message.isWellFormed()).toBe(true);
  });

  it.each(['application/json', 'text/event-stream'])(
    'TEXT-2: refuses a body that is not well-formed UTF-8, whoever accepts %s',
    async (accept) => {
      const { url } = await startServer();
      const body = Buffer.from(JSON.stringify({ query: '{ hello(name: "café") }' }), 'latin1');
      const response = await fetch(url, { method: 'POST', headers: { ...json, accept }, body });
      expect(response.status).toBe(400);
      expect(await response.text()).toMatch(/not UTF-8.*BAD_REQUEST/);
    },
  );

  it.each<[string, boolean]>([
    ['that tells its length', true],
    ['in pieces', false],
  ])('refuses a body above 64 KiB %s with 413, and takes one just below', async (_name, told) => {
    const { url } = await startServer();
    const send = (size: number) => {
      const frame = JSON.stringify({ query: '{ hello }', variables: { x: '' } });
      const text = frame.replace('""', `"${'x'.repeat(size - frame.length)}"`);
      const stream = new ReadableStream({
        start(controller) {
          for (let at = 0; at < text.length; at += 8192) {
            controller.enqueue(new TextEncoder().encode(text.slice(at, at + 8192)));
          }
          controller.close();
        },
      });
      const init = { method: 'POST', headers: json, body: told ? text : stream, duplex: 'half' };
      return fetch(url, init);
    };
    expect((await send(65_536)).status).toBe(200);
    const refused = await send(65_537);
    expect([refused.status, await codeOf(refused)]).toEqual([413, ['BAD_REQUEST']]);
  });

  it.each([
    ['too large', 'application/json', 413],
    ['of another type', 'text/plain', 415],
  ])(
    'reads on to the end of a body that is %s, and answers what comes after it',
    async (_name, type, status) => {
      const { port } = await startServer();
      const head = ['POST /graphql HTTP/1.1', 'Host: x', `Content-Type: ${type}`, 'Content-Length: 131072'];
      const next = 'GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
      const answer = await raw(port, `${head.join('\r\n')}\r\n\r\n${' '.repeat(131_072)}${next}`);
      expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual([`HTTP/1.1 ${status}`, 'HTTP/1.1 200']);
    },
  );

  it.each(['application/json', 'text/event-stream'])(
    'takes a body as it is whichever letters say that it is, from whoever accepts %s',
    async (accept) => {
      const { url } = await startServer();
      const response = await post(url, { query: '{ hello }' }, { accept, 'content-encoding': 'Identity' });
      expect([response.status, await response.text()]).toEqual([200, expect.stringContaining('hello you')]);
    },
  );

  it.each(['application/graphql-response+json', 'application/json'])(
    'refuses what is no request at all in the form that is accepted: %s',
    async (accept) => {
      const { url } = await startServer();
      const response = await post(url, [], { accept });
      expect([response.status, response.headers.get('content-type')]).toEqual([
        400,
        `${accept}; charset=utf-8`,
      ]);
    },
  );

  it('tells the time to wait of a whole request in its headers too', async () => {
    const { url, limits } = await startServer();
    limits.refuse.set('queryPerCaller', 1200);
    const response = await post(url, { query: '{ hello }' }, { accept: 'application/json' });
    expect([response.status, response.headers.get('retry-after')]).toEqual([429, '2']);
    expect(await response.json()).toMatchObject({
      errors: [{ extensions: { code: 'RATE_LIMITED', retryAfterMs: 1200 } }],
    });
  });

  it.each(['nonsense', 'Bearer', 'Bearer ', 'Bearer nonsense', 'Basic eDp5', ''])(
    'refuses the header "Authorization: %s" with 401 and runs nothing',
    async (authorization) => {
      const { url, source, metrics } = await startServer();
      const response = await post(url, { query: 'mutation { add }' }, { authorization });
      expect([response.status, await codeOf(response)]).toEqual([401, ['UNAUTHENTICATED']]);
      expect(source.head()).toBe(0);
      const { values } = await metrics.authFailures.get();
      expect(values.reduce((sum, { value }) => sum + value, 0)).toBe(1);
    },
  );

  it('takes a bearer token from the header alone', async () => {
    const { url, schema } = await startServer();
    schema.getQueryType()!.getFields()['hello']!.resolve = (_root, _args, { viewer }) =>
      (viewer as { id: string } | null)?.id ?? 'nobody';
    const ask = async (suffix: string, headers: Record<string, string>) =>
      (
        (await (await post(`${url}${suffix}`, { query: '{ hello }' }, headers)).json()) as {
          data: { hello: string };
        }
      ).data.hello;
    expect(await ask('', { authorization: 'bearer token-ann' })).toBe('ann');
    expect(await ask('?token=token-ann', { cookie: 'token=token-ann' })).toBe('nobody');
  });
});

// Apollo's and urql's links send the hash of a query first, and the whole query when they are told these words.
describe('a request with the hash of its query alone', () => {
  const extensions = { persistedQuery: { version: 1, sha256Hash: 'ab'.repeat(32) } };
  const FALL_BACK = {
    errors: [{ message: 'PersistedQueryNotSupported', extensions: { code: 'BAD_REQUEST' } }],
  };

  it.each([
    ['POST', 'application/graphql-response+json', 400],
    ['POST', 'application/json', 400],
    ['GET', 'application/graphql-response+json', 400],
    ['GET', 'application/json', 400],
  ])('is told to send the query: %s, %s', async (method, accept, status) => {
    const { url } = await startServer();
    const response =
      method === 'POST'
        ? await post(url, { operationName: 'Hello', variables: {}, extensions }, { accept })
        : await fetch(`${url}?extensions=${encodeURIComponent(JSON.stringify(extensions))}`, {
            headers: { accept },
          });
    expect([response.status, await response.json()]).toMatchObject([status, FALL_BACK]);
    const whole = await post(url, { query: '{ hello }', extensions }, { accept });
    expect(await whole.json()).toEqual({ data: { hello: 'hello you' } });
  });

  it('is told so as an event where it asks for events', async () => {
    const { url } = await startServer();
    const response = await post(url, { extensions }, { accept: 'text/event-stream' });
    expect(await response.text()).toContain(JSON.stringify(FALL_BACK.errors[0]!.message));
  });

  it.each([[{}], [{ persistedQuery: null }], [{ persistedQuery: 'x' }], [{ other: {} }], [null]])(
    'is no request with the extensions %j',
    async (none) => {
      const { url } = await startServer();
      const answer = (await (await post(url, { extensions: none })).json()) as Answer;
      expect(answer.errors?.[0]?.message).toContain('is missing');
    },
  );
});

const COUNT = 'subscription($after: String) { counted(after: $after) { number } }';

describe('GET /graphql', () => {
  it('answers queries, and no mutation', async () => {
    const { url } = await startServer();
    const ask = (query: string, more = '') => fetch(`${url}?query=${encodeURIComponent(query)}${more}`);
    const answer = await ask('query($n: String!) { hello(name: $n) }', '&variables={"n":"me"}');
    expect(await answer.json()).toEqual({ data: { hello: 'hello me' } });
    const mutation = await ask('mutation { add }');
    expect([mutation.status, mutation.headers.get('allow'), await codeOf(mutation)]).toEqual([
      405,
      'POST',
      ['BAD_REQUEST'],
    ]);
    const refused = await ask('{ nope }');
    expect(refused.status).toBe(400);
    for (const { headers } of [answer, mutation, refused])
      expect(headers.get('cache-control')).toBe('no-store');
  });

  it.each<[string, number]>([
    ['', 400],
    ['?query=', 400],
    ['?query=%7Bhello%7D&variables=%7B', 400],
    ['?query=%7Bhello%7D&variables=[1]', 400],
    ['?query=%7Bhello%7D&utm_source=x', 200],
    ['?query=%7Bhello%7D&operationName=', 200],
    ['?query=query%20A%7Bhello%7D&operationName=&variables=&extensions=', 200],
    ['?query=query%20A%7Bhello%7D&operationName=null', 400],
  ])('answers the query string "%s" with %i', async (queryString, status) => {
    const { url } = await startServer();
    expect((await fetch(`${url}${queryString}`)).status).toBe(status);
  });

  it('asks for a header in the hardened profile', async () => {
    const { url } = await startServer({ apiProfile: 'hardened' });
    const target = `${url}?query=%7Bhello%7D`;
    expect(await codeOf(await fetch(target))).toEqual(['BAD_REQUEST']);
    expect((await fetch(target, { headers: { 'x-graphql-yoga-csrf': '1' } })).status).toBe(200);
    expect((await fetch(target, { headers: { authorization: 'Bearer token-ann' } })).status).toBe(200);
  });

  it('has nothing happen without that header, and tells of a mutation that it is sent by POST', async () => {
    const { url, source } = await startServer({ apiProfile: 'hardened' });
    const ask = (query: string, accept: string) =>
      fetch(`${url}?query=${encodeURIComponent(query)}`, { headers: { accept } });
    for (const [accept, query] of [
      ['application/json', '{ hello }'],
      ['text/event-stream', COUNT],
    ] as const) {
      const mutation = await ask('mutation { add }', accept);
      expect([mutation.status, mutation.headers.get('allow')]).toEqual([405, 'POST']);
      const read = await ask(query, accept);
      expect([read.status, await read.text()]).toEqual([400, expect.stringMatching(/BAD_REQUEST/)]);
    }
    expect(source.head()).toBe(0);
  });

  it.each(['PUT', 'DELETE', 'PATCH', 'HEAD'])('refuses %s', async (method) => {
    const { url } = await startServer();
    expect((await fetch(url, { method })).status).toBe(405);
  });
});

/** Events of a stream as they come. */
async function* events(response: Response): AsyncGenerator<{ event: string; data: string }> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true });
    for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
      const lines = text.slice(0, end).split('\n');
      text = text.slice(end + 2);
      const value = (name: string) =>
        lines
          .find((line) => line.startsWith(`${name}:`))
          ?.slice(name.length + 1)
          .trim() ?? '';
      if (value('event') !== '') yield { event: value('event'), data: value('data') };
    }
  }
}

describe('server-sent events', () => {
  const sse = { accept: 'text/event-stream' };

  it('have the one result of a query in one write, as any other answer is', async () => {
    const { url } = await startServer();
    const response = await post(url, { query: '{ hello }' }, sse);
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    const text = await response.text();
    // A stream that is written piece by piece has no length.
    expect(response.headers.get('content-length')).toBe(String(Buffer.byteLength(text)));
    expect(text).toBe(':\n\nevent: next\ndata: {"data":{"hello":"hello you"}}\n\nevent: complete\ndata:\n\n');
  });

  it.each<[string, (url: string) => Promise<Response>]>([
    ['POST', (url) => post(url, { query: COUNT, variables: { after: '0' } }, sse)],
    [
      'GET',
      (url) => fetch(`${url}?query=${encodeURIComponent(COUNT)}&variables={"after":"0"}`, { headers: sse }),
    ],
  ])('stream a subscription by %s and count it out when the client goes', async (_name, open) => {
    const { url, source, calls } = await startServer();
    source.append(200);
    const response = await open(url);
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    const seen: number[] = [];
    for await (const { event, data } of events(response)) {
      expect(event).toBe('next');
      seen.push((JSON.parse(data) as { data: { counted: { number: number } } }).data.counted.number);
      if (seen.length === 200) source.append(3);
      if (seen.length === 203) break;
    }
    expect(seen).toEqual(Array.from({ length: 203 }, (_, i) => i + 1));
    await vi.waitFor(() => expect(calls.leaves).toHaveLength(1), patient);
    expect(calls.joins).toHaveLength(1);
    expect(source.state.closed).toBe(1);
  });

  it('that wait behind another on their connection give their places back when that ends', async () => {
    const { url, port, calls } = await startServer({ maxSocketsPerAddress: 3 });
    const target = `/graphql?query=${encodeURIComponent(COUNT)}`;
    const socket = connect(port, '127.0.0.1', () =>
      socket.write(`GET ${target} HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n`.repeat(3)),
    );
    await vi.waitFor(() => expect(calls.joins).toHaveLength(3), patient);
    expect((await post(url, { query: COUNT }, sse)).status).toBe(429);
    socket.destroy();
    await vi.waitFor(() => expect(calls.leaves).toHaveLength(3), patient);
    for (let each = 0; each < 3; each += 1) expect((await post(url, { query: COUNT }, sse)).status).toBe(200);
  });

  it('share the executions of sockets', async () => {
    const { url, source, calls } = await startServer();
    const socket = openSocket(url);
    await socket.init();
    socket.subscribe('1', COUNT, { after: '0' });
    const response = await post(url, { query: COUNT, variables: { after: null } }, sse);
    await vi.waitFor(() => expect(calls.joins).toHaveLength(2), patient);
    source.append();
    let seen = 0;
    for await (const { event } of events(response)) {
      seen += event === 'next' ? 1 : 0;
      if (seen === 1) {
        await socket.any('1');
        calls.executions = 0;
        source.append(3);
      }
      if (seen === 4) break;
    }
    await vi.waitFor(() => expect(socket.of('1')).toHaveLength(4), patient);
    expect(calls.executions).toBe(3);
  });

  it.each<[string, string, string]>([
    ['syntax', '{ hello', 'GRAPHQL_PARSE_FAILED'],
    ['an unknown field', '{ nope }', 'GRAPHQL_VALIDATION_FAILED'],
    ['its room', 'subscription { counted(room: "none") { number } }', 'ROOM_NOT_FOUND'],
  ])('tell what is wrong with %s as next and complete', async (_name, query, code) => {
    const { url } = await startServer();
    const response = await post(url, { query }, sse);
    expect(response.status).toBe(200);
    const all = [];
    for await (const event of events(response)) all.push(event);
    expect(all.map(({ event }) => event)).toEqual(['next', 'complete']);
    expect(JSON.parse(all[0]!.data)).toMatchObject({ errors: [{ extensions: { code } }] });
  });

  const URQL = [
    'application/graphql-response+json',
    'application/graphql+json',
    'application/json',
    'text/event-stream',
    'multipart/mixed',
  ].join(', ');
  it.each<[string, string, number]>([
    [URQL, 'application/graphql-response+json', 400],
    ['text/event-stream, */*', 'application/json', 400],
    ['*/*;q=0.1, text/event-stream', 'application/json', 400],
    ['application/json, text/event-stream', 'application/json', 200],
    ['Text/Event-Stream', 'text/event-stream', 200],
    ['multipart/mixed, text/event-stream', 'text/event-stream', 200],
  ])(
    'with the header "Accept: %s" carry subscriptions, and the rest where no JSON is accepted',
    async (accept, type, status) => {
      const { url, source } = await startServer();
      source.append();
      const stream = await post(url, { query: COUNT, variables: { after: '0' } }, { accept });
      expect(stream.headers.get('content-type')).toBe('text/event-stream');
      for await (const { event, data } of events(stream)) {
        expect([event, data]).toEqual(['next', '{"data":{"counted":{"number":1}}}']);
        break;
      }
      for (const [query, expected] of [
        ['{ hello }', 200],
        ['{ nope }', status],
      ] as const) {
        const answer = await post(url, { query }, { accept });
        expect([answer.status, answer.headers.get('content-type')?.split(';')[0]]).toEqual([expected, type]);
      }
    },
  );

  it.each(['multipart/mixed', 'text/event-stream;q=0, multipart/mixed', 'multipart/mixed, */*'])(
    'are never replaced by multipart: "Accept: %s"',
    async (accept) => {
      const { url, calls } = await startServer();
      const response = await post(url, { query: COUNT }, { accept });
      expect([response.status, await codeOf(response)]).toEqual([
        accept.includes('*/*') ? 400 : 406,
        ['BAD_REQUEST'],
      ]);
      expect(calls.joins).toEqual([]);
    },
  );

  it('answer a bad token with 401', async () => {
    const { url } = await startServer();
    expect((await post(url, { query: COUNT }, { ...sse, authorization: 'Bearer no' })).status).toBe(401);
  });

  it('answer a query with its one result', async () => {
    const { url } = await startServer();
    const all = [];
    for await (const event of events(await post(url, { query: '{ hello }' }, sse))) all.push(event);
    expect(all).toEqual([
      { event: 'next', data: '{"data":{"hello":"hello you"}}' },
      { event: 'complete', data: '' },
    ]);
  });

  it('end with the error of a cursor that is gone', async () => {
    const { url, source } = await startServer();
    const response = await post(url, { query: COUNT }, sse);
    source.state.expired = true;
    source.append();
    const all = [];
    for await (const event of events(response)) all.push(event);
    expect(JSON.parse(all[0]!.data)).toMatchObject({ errors: [{ extensions: { code: 'CURSOR_EXPIRED' } }] });
    expect(all.map(({ event }) => event)).toEqual(['next', 'complete']);
  });

  it('are not written faster than they are read', async () => {
    const { url, source, calls } = await startServer({ ring: 1e6 });
    source.append(20_000);
    const query = 'subscription($t: String) { counted(after: "0") { number echo(text: $t) } }';
    const response = await post(url, { query, variables: { t: 'x'.repeat(4000) } }, sse);
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(calls.executions).toBeLessThan(10_000);
    let next = 1;
    for await (const { data } of events(response)) {
      expect((JSON.parse(data) as { data: { counted: { number: number } } }).data.counted.number).toBe(next);
      next += 1;
      if (next > 3000) break;
    }
  });
});

describe('the edge', () => {
  it.each<[string, string]>([
    ['a target that no URL can hold', 'GET //[ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'],
    ['a double slash', 'GET //graphql HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'],
    [
      'a whole address of another scheme',
      'GET ftp://x/livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    ],
  ])('answers %s with 404', async (_name, request) => {
    const { port } = await startServer();
    expect(await raw(port, request)).toMatch(/^HTTP\/1.1 404 /);
  });

  it.each(['[', 'x:99999', 'a b', 'x/y', '<script>', 'x:'])(
    'answers the Host "%s" with 400',
    async (host) => {
      const { port } = await startServer();
      for (const path of ['/graphql?query=%7Bhello%7D', '/client', '/livez']) {
        const answer = await raw(port, `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
        expect(answer).toMatch(/^HTTP\/1.1 400 /);
      }
    },
  );

  it('answers what is no HTTP with 400 and nosniff', async () => {
    const { port } = await startServer();
    expect((await raw(port, 'nonsense\r\n\r\n')).toLowerCase()).toContain('x-content-type-options: nosniff');
  });

  const upgrade = (lines: readonly string[], method = 'GET') =>
    [
      `${method} /graphql HTTP/1.1`,
      'Host: x',
      'Connection: Upgrade',
      'Sec-WebSocket-Protocol: graphql-transport-ws',
      ...lines,
      '',
      '',
    ].join('\r\n');
  const KEY = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==';
  it.each([
    ['without a Host', 400, 'GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n'],
    ['with two Hosts', 400, 'GET /livez HTTP/1.1\r\nHost: x\r\nhOST: y\r\nConnection: close\r\n\r\n'],
    [
      'that expects what nobody gives',
      417,
      'GET /livez HTTP/1.1\r\nHost: x\r\nExpect: x\r\nConnection: close\r\n\r\n',
    ],
    ['to upgrade without a key', 400, upgrade(['Upgrade: websocket', 'Sec-WebSocket-Version: 13'])],
    ['to upgrade to another version', 400, upgrade(['Upgrade: websocket', 'Sec-WebSocket-Version: 99', KEY])],
    [
      'to upgrade with another method',
      405,
      upgrade(['Upgrade: websocket', 'Sec-WebSocket-Version: 13', KEY], 'HEAD'),
    ],
  ])('answers a request %s with %i and nosniff', async (_name, status, request) => {
    const { port } = await startServer();
    const [head = ''] = (await raw(port, request)).split('\r\n\r\n', 1);
    expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(head.toLowerCase()).toContain('x-content-type-options: nosniff');
  });

  it.each([
    ['GET /livez HTTP/1.1', '', '{"status":"live"}'],
    ['GET /graphql?query=%7Bhello%7D HTTP/1.1', '', '"hello":"hello'],
    [
      'POST /graphql HTTP/1.1',
      `Content-Type: application/json\r\nContent-Length: ${BODY.length}\r\n`,
      '"hello":"hello',
    ],
  ])('passes over the offer of another protocol than WebSocket: %s', async (line, headers, told) => {
    const { port } = await startServer();
    const body = line.startsWith('POST') ? BODY : '';
    const answer = await raw(port, `${line}\r\nHost: x\r\n${OFFER}\r\n${headers}\r\n${body}`);
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(answer).toContain(told);
  });

  it.each([
    ['GET http://chat.example/graphql?query=%7Bhello%7D HTTP/1.1', '', '"hello":"hello'],
    ['GET http://chat.example?query=%7Bhello%7D HTTP/1.1', '', 'location: /client'],
    ['GET HTTP://chat.example:80/livez HTTP/1.1', '', '{"status":"live"}'],
    ['GET http://chat.example/client HTTP/1.1', '', "connect-src 'self' ws://chat.example "],
    [
      'POST https://chat.example/graphql HTTP/1.1',
      `Content-Type: application/json\r\nContent-Length: ${BODY.length}\r\n`,
      '"hello":"hello',
    ],
    ['GET http://chat.example/graphql HTTP/1.1', `Accept: text/event-stream\r\n`, 'query'],
  ])('takes a whole address as target for the path and the host in it: %s', async (line, headers, told) => {
    const clientFolder = mkdtempSync(join(tmpdir(), 'madang-client-'));
    onTestFinished(() => rmSync(clientFolder, { recursive: true }));
    writeFileSync(join(clientFolder, 'index.html'), '<p>The client.</p>');
    const { port } = await startServer({ clientFolder });
    const body = line.startsWith('POST') ? BODY : '';
    const answer = await raw(port, `${line}\r\nHost: x\r\nConnection: close\r\n${headers}\r\n${body}`);
    expect(answer.toLowerCase()).toContain(told);
  });

  it('takes a whole address as the target of a socket', async () => {
    const { port } = await startServer();
    expect((await refusedUpgrade(port, 'http://chat.example/graphql')).status).toBe(101);
    expect((await refusedUpgrade(port, 'http://chat.example/none')).status).toBe(404);
  });

  it.each([
    ['with a target that has a name and a password', 'Host: x\r\n', 'http://a:b@x/livez'],
    ['with a whole address but no Host', '', 'http://x/livez'],
  ])('answers a request %s with 400', async (_name, host, target) => {
    const { port } = await startServer();
    const answer = await raw(port, `GET ${target} HTTP/1.1\r\n${host}Connection: close\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1.1 400 /);
  });

  it.each([
    ['is closed where one came', 'POST', 'Content-Length: 200000', 413, 'close'],
    ['is closed where a length was not told', 'POST', 'Transfer-Encoding: chunked', 413, 'close'],
    ['stays where it is hardly too large', 'POST', 'Content-Length: 100000', 413, 'keep-alive'],
    [
      'stays where it is small',
      'POST',
      'Content-Type: text/plain\r\nContent-Length: 1000',
      415,
      'keep-alive',
    ],
    ['stays where none is taken', 'PUT', 'Content-Length: 200000', 405, 'keep-alive'],
  ])(
    'a connection whose body is refused before its end %s: %s with %s',
    async (_name, method, lines, status, connection) => {
      const { port } = await startServer();
      const client = connect(port, '127.0.0.1');
      onTestFinished(() => void client.destroy());
      const type = lines.includes('Type') ? '' : 'Content-Type: application/json\r\n';
      client.write(`${method} /graphql HTTP/1.1\r\nHost: x\r\n${type}${lines}\r\n\r\n`);
      if (lines.includes('chunked')) client.write(`${(70_000).toString(16)}\r\n${' '.repeat(70_000)}`);
      let answer = '';
      client.setEncoding('utf8').on('data', (text: string) => (answer += text));
      await vi.waitFor(() => expect(answer).toContain('\r\n\r\n'), patient);
      expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
      expect(/\nconnection: (.*)\r\n/i.exec(answer)?.[1]).toBe(connection);
    },
  );

  const ASKED = 'GET /graphql HTTP/1.1\r\nHost: x\r\n\r\n';
  it.each([
    ['', ASKED.repeat(1000), 6],
    [' that expect what nobody gives', ASKED + 'GET / HTTP/1.1\r\nExpect: x\r\n\r\n'.repeat(999), 6],
    [' behind the last one of a connection', ASKED + 'GET / HTTP/1.1\r\n\r\n'.repeat(2500), 4],
  ])(
    'cuts who sends requests%s ahead when too many of such wait for their answers',
    async (_name, ahead, clients) => {
      const admit = () => new Promise<never>(() => undefined);
      const { port } = await startServer({ overload: { active: () => false, admit } });
      const answers = Array.from({ length: clients }, () => raw(port, ahead).catch(() => ''));
      expect(await Promise.race(answers)).toBe('');
    },
  );

  it('closes a client that drips its headers within 10 s', async () => {
    const { port } = await startServer();
    expect(await raw(port, 'GET /livez HTTP/1.1\r\nHost: x\r\nX-Drip: ')).toMatch(/^HTTP\/1.1 408 |^$/);
  });

  it.each<[readonly string[] | null, string | undefined, string | null]>([
    [null, 'https://any.example', '*'],
    [null, undefined, null],
    [['https://chat.example'], 'https://chat.example', 'https://chat.example'],
    [['https://chat.example'], 'https://chat.example.evil.example', null],
    [['https://chat.example'], 'null', null],
  ])(
    'with the origins %s allows %s as %s, never with credentials',
    async (allowedOrigins, origin, allowed) => {
      const { url } = await startServer({ allowedOrigins });
      const headers = {
        ...(origin === undefined ? {} : { origin }),
        'access-control-request-headers': 'authorization,content-type,x_tenant.id',
        'access-control-request-method': 'POST',
      };
      const preflight = await fetch(url, { method: 'OPTIONS', headers });
      expect([preflight.status, preflight.headers.get('access-control-allow-origin')]).toEqual([
        204,
        allowed,
      ]);
      expect(preflight.headers.get('access-control-allow-credentials')).toBeNull();
      const expected = allowed === null ? null : 'authorization,content-type,x_tenant.id';
      expect(preflight.headers.get('access-control-allow-headers')).toBe(expected);
      const answer = await post(url, { query: '{ hello }' }, origin === undefined ? {} : { origin });
      expect(answer.headers.get('access-control-allow-origin')).toBe(allowed);
    },
  );

  it('lives under its base path, with or without a final slash, and nowhere else', async () => {
    const { base, port } = await startServer({ basePath: '/chat' });
    const status = async (path: string) =>
      (await fetch(`http://127.0.0.1:${port}${path}`, { redirect: 'manual' })).status;
    expect(await status('/chat')).toBe(302);
    const root = await fetch(`${base}/`, { redirect: 'manual' });
    expect([root.status, root.headers.get('location')]).toEqual([302, '/chat/client']);
    expect(await status('/chat/livez')).toBe(200);
    expect(await status('/chat/graphql?query=%7Bhello%7D')).toBe(200);
    for (const path of ['/', '/graphql', '/livez', '/chatter', '/chatgraphql'])
      expect(await status(path)).toBe(404);
    await openSocket(`${base}/graphql`).init();
  });

  it('stands beside the addresses of a host whose server it shares', async () => {
    const server = createServer();
    server.on('request', (request, response) => {
      if (['/own', '/chatter'].includes(request.url ?? '')) setImmediate(() => response.end('mine'));
    });
    const { transport } = await startServer({ server, basePath: '/chat' });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    onTestFinished(() => void server.close());
    for (const path of ['/own', '/chatter']) {
      expect(await (await fetch(`${base}${path}`)).text()).toBe('mine');
    }
    expect((await fetch(`${base}/chat/livez`)).status).toBe(200);
    await openSocket(`${base}/chat/graphql`).init();
    await transport.drain({ delayMs: 0, windowMs: 0 });
    transport.stop();
    expect(await (await fetch(`${base}/own`)).text()).toBe('mine');
  });

  async function startHosted() {
    const server = createServer((request, response) => {
      if (request.url === '/own') request.pipe(response);
    });
    await startServer({ server, basePath: '/chat' });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    return { server, port: (server.address() as AddressInfo).port };
  }

  it.each([
    ['/own', BODY],
    ['/chat/graphql', '"hello":"hello'],
  ])('gives its host, and takes, what offers another protocol than WebSocket: %s', async (path, told) => {
    const { port } = await startHosted();
    const headers = `Content-Type: application/json\r\nContent-Length: ${BODY.length}\r\n`;
    const answer = await raw(port, `POST ${path} HTTP/1.1\r\nHost: x\r\n${OFFER}\r\n${headers}\r\n${BODY}`);
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(answer).toContain(told);
  });

  it('leaves a socket at the addresses of its host to who else listens, and refuses it where nobody does', async () => {
    const { server, port } = await startHosted();
    expect((await refusedUpgrade(port, '/own')).status).toBe(404);
    server.on('upgrade', ({ url }, socket) => {
      if (url === '/own') socket.end('HTTP/1.1 418 Mine\r\nConnection: close\r\n\r\n');
    });
    expect((await refusedUpgrade(port, '/own')).status).toBe(418);
    expect((await refusedUpgrade(port, '/chat/graphql')).status).toBe(101);
  });
});

describe('the other addresses', () => {
  it.each([
    ['/graphql/', 404],
    ['/', 405],
    ['/livez', 405],
    ['/readyz', 405],
    ['/schema.graphql', 405],
    ['/none', 404],
  ])('answer a POST to %s with %i', async (path, status) => {
    const { base } = await startServer();
    const response = await fetch(`${base}${path}`, { method: 'POST', body: '{}' });
    expect([response.status, response.headers.get('allow')]).toEqual([
      status,
      status === 405 ? 'GET, HEAD' : null,
    ]);
    expect((await fetch(`${base}${path}`, { method: 'GET', redirect: 'manual' })).status === 404).toBe(
      status === 404,
    );
  });

  it('tell the schema in the public profile, and not in the hardened one', async () => {
    const open = await startServer();
    const sdl = await (await fetch(`${open.base}/schema.graphql`)).text();
    expect(Object.keys(buildSchema(sdl).getSubscriptionType()!.getFields())).toContain('counted');
    const hardened = await startServer({ apiProfile: 'hardened' });
    expect((await fetch(`${hardened.base}/schema.graphql`)).status).toBe(404);
  });

  it('tell that it lives always, and that it is ready when it is', async () => {
    const { base, health } = await startServer();
    const ready = await fetch(`${base}/readyz`);
    expect([ready.status, await ready.json()]).toEqual([200, { status: 'ready', redis: 'ok' }]);
    expect(Object.fromEntries(ready.headers)).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
    });
    health.ready = false;
    health.details.redis = 'degraded';
    const away = await fetch(`${base}/readyz`);
    expect([away.status, await away.json()]).toEqual([503, { status: 'unavailable', redis: 'degraded' }]);
    expect((await fetch(`${base}/livez`)).status).toBe(200);
  });

  it('serve the client with its policy, deep links too, and its hashed files for ever', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'madang-client-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    mkdirSync(join(folder, 'assets'));
    writeFileSync(
      join(folder, 'index.html'),
      '<script type="module" src="/client/assets/index-abc.js"></script>',
    );
    writeFileSync(join(folder, 'assets/index-abc.js'), 'export {};');
    writeFileSync(join(folder, 'service-worker.js'), 'self.skipWaiting();');
    const { base, port } = await startServer({ clientFolder: folder, basePath: '/chat' });
    for (const path of ['/client', '/client/', '/client/rooms/abc', '/client/index.html']) {
      const page = await fetch(`${base}${path}`);
      expect(await page.text()).toContain('src="/chat/client/assets/index-abc.js"');
      expect(page.headers.get('content-security-policy')).toContain(
        `connect-src 'self' ws://127.0.0.1:${port} wss://127.0.0.1:${port};`,
      );
      expect(Object.fromEntries(page.headers)).toMatchObject({
        'cache-control': 'no-cache',
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cross-origin-opener-policy': 'same-origin',
      });
    }
    const worker = await fetch(`${base}/client/service-worker.js`);
    expect(worker.headers.get('service-worker-allowed')).toBe('/chat/client');
    const asset = await fetch(`${base}/client/assets/index-abc.js`);
    expect(asset.headers.has('service-worker-allowed')).toBe(false);
    expect([asset.status, asset.headers.get('cache-control')]).toEqual([
      200,
      'public, max-age=31536000, immutable',
    ]);
    expect(await asset.text()).toBe('export {};');
    const zipped = await fetch(`${base}/client/assets/index-abc.js`, {
      headers: { 'accept-encoding': 'gzip' },
    });
    expect([zipped.headers.get('content-encoding'), await zipped.text()]).toEqual(['gzip', 'export {};']);
    const known = { 'if-none-match': asset.headers.get('etag')! };
    expect((await fetch(`${base}/client/assets/index-abc.js`, { headers: known })).status).toBe(304);
    const missing = await fetch(`${base}/client/assets/none.js`);
    expect([missing.status, missing.headers.get('cache-control')]).toEqual([404, 'no-store']);
    expect(
      await raw(
        port,
        'GET /chat/client/..%2f..%2fetc/passwd.x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
      ),
    ).toMatch(/^HTTP\/1.1 404 /);
    expect((await fetch(`${base}/client`, { method: 'POST' })).status).toBe(405);
  });

  it('serve each file of the client as what it is, and what can become smaller compressed to who takes that', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'madang-client-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const content = 'x'.repeat(1000);
    const names = ['index.html', 'a.js', 'a.css', 'a.webmanifest', 'a.png', 'a.other'];
    for (const name of names) writeFileSync(join(folder, name), content);
    const { base } = await startServer({ clientFolder: folder });
    const served: (string | null)[][] = [];
    for (const name of names) {
      const ask = (coding: string) =>
        fetch(`${base}/client/${name}`, { headers: { 'accept-encoding': coding } });
      const [zipped, plain] = [await ask('gzip'), await ask('identity')];
      expect([await zipped.text(), await plain.text()]).toEqual([content, content]);
      expect([plain.headers.get('content-encoding'), plain.headers.get('vary')]).toEqual([
        null,
        'Accept-Encoding',
      ]);
      served.push([plain.headers.get('content-type'), zipped.headers.get('content-encoding')]);
    }
    expect(served).toEqual([
      ['text/html; charset=utf-8', 'gzip'],
      ['text/javascript; charset=utf-8', 'gzip'],
      ['text/css; charset=utf-8', 'gzip'],
      ['application/manifest+json', 'gzip'],
      ['image/png', null],
      ['application/octet-stream', 'gzip'],
    ]);
  });

  it('serve GraphiQL to who wants a page more than JSON', async () => {
    const wishes = {
      'text/html': 'text/html',
      'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8': 'text/html',
      'application/json;q=0.5, text/html': 'text/html',
      'application/json, text/html;q=0.5': 'application/json',
      'text/html, application/json': 'application/json',
      'text/html;q=0.9, application/graphql-response+json': 'application/graphql-response+json',
      'text/html;q=0, */*': 'application/json',
    };
    const { url } = await startServer();
    const given: Record<string, string | undefined> = {};
    for (const accept of Object.keys(wishes)) {
      const answer = await fetch(`${url}?query=${encodeURIComponent('{ hello }')}`, { headers: { accept } });
      given[accept] = answer.headers.get('content-type')?.split(';')[0];
      await answer.body?.cancel();
    }
    expect(given).toEqual(wishes);
  });

  it('serve GraphiQL from here alone, compressed and to be kept', async () => {
    const { url } = await startServer();
    const page = await fetch(url, { headers: { accept: 'text/html', 'accept-encoding': 'gzip' } });
    const html = await page.text();
    expect(html).toContain('defaultTabs');
    expect(html).not.toMatch(/<(script|link)[^>]+(src|href)="https?:/);
    expect(page.headers.get('content-encoding')).toBe('gzip');
    const etag = page.headers.get('etag')!;
    const again = await fetch(url, { headers: { accept: 'text/html', 'if-none-match': etag } });
    expect(again.status).toBe(304);
    expect(page.headers.get('content-security-policy')).toMatch(/script-src 'sha256-[^']+' blob:/);
    const hardened = await startServer({ apiProfile: 'hardened' });
    expect((await fetch(hardened.url, { headers: { accept: 'text/html' } })).status).not.toBe(200);
  });
});
