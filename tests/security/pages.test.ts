import { describe, expect, it } from 'vitest';
import { useServer } from '../api/world.ts';
import { request } from '../testkit/graphql-client.ts';
import { report } from './support/table.ts';

const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self' ws://HOST wss://HOST; manifest-src 'self'; worker-src 'self'; trusted-types madang; require-trusted-types-for 'script'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const GRAPHIQL_CSP =
  "default-src 'none'; script-src 'sha256-HASH' blob:; style-src 'unsafe-inline'; img-src 'self' data:; font-src data:; connect-src 'self' ws://HOST wss://HOST; worker-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const COMMON = { 'referrer-policy': 'no-referrer', 'x-content-type-options': 'nosniff' };
const PAGE = {
  ...COMMON,
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
  'x-frame-options': 'DENY',
};
/** Said by every answer of any server, or about its length alone. */
const PLAIN = new Set([
  'accept-ranges',
  'allow',
  'cache-control',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'date',
  'etag',
  'keep-alive',
  'last-modified',
  'location',
  'transfer-encoding',
  'vary',
  'access-control-allow-origin',
  'access-control-expose-headers',
  'www-authenticate',
]);

let pages = 0;
report('S18', () => ({
  tried: pages,
  of: 'pages, assets and answers',
  result: 'exactly the documented headers',
}));

describe('S18 headers', () => {
  const server = useServer('embedded');

  async function headersOf(path: string, init: RequestInit = {}) {
    const response = await fetch(`${server.url}${path}`, { redirect: 'manual', ...init });
    await response.arrayBuffer();
    pages += 1;
    const host = new URL(server.url).host;
    const told = [...response.headers]
      .filter(([name]) => !PLAIN.has(name))
      .map(([name, value]) => [
        name,
        value.replaceAll(host, 'HOST').replace(/sha256-[\w+/=]+/, 'sha256-HASH'),
      ]);
    return {
      status: response.status,
      type: response.headers.get('content-type'),
      headers: Object.fromEntries(told) as object,
    };
  }

  it('of the web client: its page, deep links and files', async () => {
    const html = {
      status: 200,
      type: 'text/html; charset=utf-8',
      headers: { ...PAGE, 'content-security-policy': CSP },
    };
    for (const path of ['/client', '/client/', '/client/rooms/Um9vbTp4', '/client/index.html']) {
      expect({ path, ...(await headersOf(path)) }).toEqual({ path, ...html });
    }
    const page = await (await fetch(`${server.url}/client`)).text();
    const assets = Array.from(page.matchAll(/(?:src|href)="([^"]+)"/g), ([, path = '']) => path);
    expect(assets.length).toBeGreaterThan(1);
    for (const path of assets)
      expect({ path, ...(await headersOf(path)) }).toMatchObject({ path, status: 200, headers: PAGE });
    expect(await headersOf('/client/assets/none.js')).toMatchObject({ status: 404, headers: PAGE });
  });

  it('of GraphiQL', async () => {
    expect(await headersOf('/graphql', { headers: { accept: 'text/html' } })).toEqual({
      status: 200,
      type: 'text/html; charset=utf-8',
      headers: { ...PAGE, 'content-security-policy': GRAPHIQL_CSP },
    });
  });

  it.each<[string, string, RequestInit, number]>([
    ['the root', '/', {}, 302],
    ['what is not there', '/none', {}, 404],
    ['/livez', '/livez', {}, 200],
    ['/readyz', '/readyz', {}, 200],
    ['the schema', '/schema.graphql', {}, 200],
    ['a wrong method', '/livez', { method: 'DELETE' }, 405],
    ['a query by GET', '/graphql?query={__typename}', {}, 200],
    ['no operation', '/graphql', {}, 400],
    [
      'an operation',
      '/graphql',
      { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"query":"{ __typename }"}' },
      200,
    ],
    [
      'an operation as events',
      '/graphql',
      {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
        body: '{"query":"{ __typename }"}',
      },
      200,
    ],
    [
      'a form',
      '/graphql',
      {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: 'query={__typename}',
      },
      415,
    ],
    [
      'a bad token',
      '/graphql',
      {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: 'Bearer x' },
        body: '{"query":"{ __typename }"}',
      },
      401,
    ],
    ['a wrong method of GraphQL', '/graphql', { method: 'PUT' }, 405],
  ])('of %s', async (_name, path, init, status) => {
    const told = await headersOf(path, init);
    expect([told.status, told.headers]).toEqual([status, COMMON]);
  });
});

let checks = 0;
report('S1', () => ({
  tried: checks,
  of: 'checks as graphql-cop, BatchQL and clairvoyance make them',
  result: '0 findings in the hardened profile',
}));

describe('S1 the hardened profile', () => {
  const server = useServer('embedded', { API_PROFILE: 'hardened' });
  const post = async (body: string, type = 'application/json', more: Record<string, string> = {}) => {
    const response = await fetch(`${server.url}/graphql`, {
      method: 'POST',
      body,
      headers: { 'content-type': type, ...more },
    });
    return { status: response.status, text: await response.text(), headers: response.headers };
  };
  const ask = (query: string) => post(JSON.stringify({ query }));
  const times = (count: number, of: (index: number) => string) =>
    Array.from({ length: count }, (_, index) => of(index)).join(' ');

  it.each<[string, () => Promise<{ status: number; text: string }>]>([
    ['introspection', () => ask('{ __schema { types { name } } }')],
    ['introspection by __type', () => ask('{ __type(name: "Query") { name } }')],
    ['101 aliases', () => ask(`{ ${times(101, (i) => `a${i}: __typename`)} }`)],
    [
      '10 operations in one array',
      () => post(JSON.stringify(Array.from({ length: 10 }, () => ({ query: '{ __typename }' })))),
    ],
    ['an array of one', () => post('[{"query":"{ __typename }"}]')],
    ['500 directives', () => ask(`{ __typename ${times(500, () => '@aa')} }`)],
    ['500 times one field', () => ask(`{ ${times(500, () => '__typename')} }`)],
    [
      'introspection that circles',
      () =>
        ask('{ __schema { types { fields { type { fields { type { fields { type { name } } } } } } } } }'),
    ],
    ['a form', () => post('query={__typename}', 'application/x-www-form-urlencoded')],
    ['plain text', () => post('{"query":"{ __typename }"}', 'text/plain')],
    [
      'multipart',
      () =>
        post(
          '--x\r\ncontent-disposition: form-data; name="operations"\r\n\r\n{"query":"{ __typename }"}\r\n--x--',
          'multipart/form-data; boundary=x',
        ),
    ],
    [
      'GET without a header of its own',
      async () => {
        const answer = await fetch(`${server.url}/graphql?query={__typename}`);
        return { status: answer.status, text: await answer.text() };
      },
    ],
    [
      'a mutation by GET',
      async () => {
        const answer = await fetch(`${server.url}/graphql?query=mutation{createVisitor{token}}`, {
          headers: { 'x-graphql-yoga-csrf': '1' },
        });
        return { status: answer.status, text: await answer.text() };
      },
    ],
    [
      'an upload',
      () => ask('mutation ($f: Upload!) { createVisitor(input: { displayName: $f }) { token } }'),
    ],
  ])('refuses %s', async (_name, attempt) => {
    const { status, text } = await attempt();
    expect(status).toBeGreaterThanOrEqual(400);
    expect(text).toContain('"code"');
    expect(text).not.toMatch(/"data":\{|stack|exception|tracing/);
    checks += 1;
  });

  it('shows neither GraphiQL nor the schema, nor how long anything took', async () => {
    const page = await fetch(`${server.url}/graphql`, { headers: { accept: 'text/html' } });
    expect(await page.text()).not.toMatch(/<script|GraphiQL/i);
    expect((await fetch(`${server.url}/schema.graphql`)).status).toBe(404);
    const { text, headers } = await post(
      '{"query":"{ __typename }","extensions":{"tracing":true}}',
      'application/json',
      { 'x-apollo-tracing': '1' },
    );
    expect(text).toBe('{"data":{"__typename":"Query"}}');
    expect(headers.get('x-powered-by')).toBeNull();
    expect(headers.get('server')).toBeNull();
    checks += 5;
  });

  it('suggests no name, whatever is guessed', async () => {
    const words = [
      'room',
      'user',
      'message',
      'visitor',
      'node',
      'setting',
      'view',
      'send',
      'creat',
      'renam',
      'visit',
      'message',
      'curso',
      'tex',
      'nam',
      'displa',
      'key',
      'idempotenc',
      'onlin',
      'recen',
    ];
    const guesses = words.flatMap((word) => ['', 's', 'd', 'x', '1'].map((end) => `${word}${end}`));
    const templates = [
      (guess: string) => `{ ${guess} }`,
      (guess: string) => `{ rooms { nodes { ${guess} } } }`,
      (guess: string) => `{ rooms(${guess}: 1) { totalCount } }`,
      (guess: string) => `mutation { ${guess} }`,
      (guess: string) => `subscription { ${guess} }`,
      (guess: string) => `mutation { sendMessage(input: { ${guess}: 1 }) { duplicate } }`,
      (guess: string) => `query ($v: ${guess}) { __typename }`,
      (guess: string) => `{ ... on ${guess} { id } }`,
      (guess: string) => `{ viewer @${guess} { id } }`,
      (guess: string) => `{ nodes(ids: []) { ...${guess} } }`,
    ];
    const told: string[] = [];
    for (const template of templates) {
      await Promise.all(
        guesses.map(async (guess) => {
          const answer = await request(server.url, template(guess));
          if (JSON.stringify(answer.errors).includes('Did you mean')) told.push(template(guess));
          checks += 1;
        }),
      );
    }
    expect(told).toEqual([]);
  });
});
