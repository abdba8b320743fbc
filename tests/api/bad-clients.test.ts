import { request as httpRequest } from 'node:http';
import { describe, expect, it } from 'vitest';
import { openSocket } from '../testkit/bare-socket.js';
import { useServer } from './world.js';

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

const QUERY = JSON.stringify({ query: '{ settings { maxMessageLength } }' });
const JSON_TYPE = { 'content-type': 'application/json' };
const BOUNDARY = 'part';
const MULTIPART = [
  `--${BOUNDARY}\r\nContent-Disposition: form-data; name="operations"\r\n\r\n${QUERY}\r\n`,
  `--${BOUNDARY}\r\nContent-Disposition: form-data; name="map"\r\n\r\n{}\r\n--${BOUNDARY}--\r\n`,
].join('');

interface Wrong {
  readonly wrong: string;
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly status: number;
  readonly code: string;
  readonly remedy: RegExp;
}

/** What a client does wrong, and what it is told. */
const HTTP: readonly Wrong[] = [
  {
    wrong: 'no Content-Type',
    body: QUERY,
    status: 415,
    code: 'BAD_REQUEST',
    remedy: /Content-Type: application\/json/,
  },
  {
    wrong: 'a form',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: 'query={viewer{id}}',
    status: 415,
    code: 'BAD_REQUEST',
    remedy: /Content-Type: application\/json/,
  },
  {
    wrong: 'plain text',
    headers: { 'content-type': 'text/plain' },
    body: QUERY,
    status: 415,
    code: 'BAD_REQUEST',
    remedy: /Content-Type: application\/json/,
  },
  {
    wrong: 'application/graphql',
    headers: { 'content-type': 'application/graphql' },
    body: '{ viewer { id } }',
    status: 415,
    code: 'BAD_REQUEST',
    remedy: /Content-Type: application\/json/,
  },
  {
    wrong: 'a multipart upload',
    headers: { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` },
    body: MULTIPART,
    status: 415,
    code: 'BAD_REQUEST',
    remedy: /Content-Type: application\/json/,
  },
  {
    wrong: 'a compressed body',
    headers: { ...JSON_TYPE, 'content-encoding': 'gzip' },
    body: QUERY,
    status: 415,
    code: 'BAD_REQUEST',
    remedy: /Send it as it is/,
  },
  {
    wrong: 'a mutation by GET',
    method: 'GET',
    path: `/graphql?query=${encodeURIComponent('mutation { createVisitor { token } }')}`,
    status: 405,
    code: 'BAD_REQUEST',
    remedy: /by POST/,
  },
  {
    wrong: 'another method',
    method: 'PUT',
    headers: JSON_TYPE,
    body: QUERY,
    status: 405,
    code: 'BAD_REQUEST',
    remedy: /GET or a POST/,
  },
  {
    wrong: 'a batched array',
    headers: JSON_TYPE,
    body: `[${QUERY},${QUERY}]`,
    status: 400,
    code: 'BAD_REQUEST',
    remedy: /each operation by itself/,
  },
  {
    wrong: 'a body that is no JSON',
    headers: JSON_TYPE,
    body: '{ viewer { id } }',
    status: 400,
    code: 'BAD_REQUEST',
    remedy: /not JSON/,
  },
  {
    wrong: 'no query',
    headers: JSON_TYPE,
    body: '{}',
    status: 400,
    code: 'BAD_REQUEST',
    remedy: /send the text of a GraphQL document/,
  },
  {
    wrong: 'variables as text',
    headers: JSON_TYPE,
    body: JSON.stringify({ query: '{ viewer { id } }', variables: '{}' }),
    status: 400,
    code: 'BAD_REQUEST',
    remedy: /"variables" must be an object, not a string/,
  },
  {
    wrong: 'a query as JSON',
    headers: JSON_TYPE,
    body: JSON.stringify({ query: { kind: 'Document' } }),
    status: 400,
    code: 'BAD_REQUEST',
    remedy: /"query" must be a text, not an object/,
  },
  {
    wrong: 'a subscription without an event stream',
    headers: JSON_TYPE,
    body: JSON.stringify({ query: 'subscription { roomsChanged { cursor } }' }),
    status: 400,
    code: 'BAD_REQUEST',
    remedy: /over WebSocket, or with `Accept: text\/event-stream`/,
  },
  {
    wrong: 'an answer that is not JSON wanted',
    headers: { ...JSON_TYPE, accept: 'application/xml' },
    body: QUERY,
    status: 406,
    code: 'BAD_REQUEST',
    remedy: /accept application\/graphql-response\+json/,
  },
  {
    wrong: 'an unknown operation name',
    headers: JSON_TYPE,
    body: JSON.stringify({ query: 'query Known { viewer { id } }', operationName: 'Unknown' }),
    status: 400,
    code: 'GRAPHQL_VALIDATION_FAILED',
    remedy: /It holds Known\./,
  },
  {
    wrong: 'an operation name for one that has none',
    headers: JSON_TYPE,
    body: JSON.stringify({ query: '{ viewer { id } }', operationName: 'Unknown' }),
    status: 400,
    code: 'GRAPHQL_VALIDATION_FAILED',
    remedy: /Leave operationName out/,
  },
  {
    wrong: 'several operations and none chosen',
    headers: JSON_TYPE,
    body: JSON.stringify({ query: 'query A { viewer { id } } query B { viewer { id } }' }),
    status: 400,
    code: 'GRAPHQL_VALIDATION_FAILED',
    remedy: /operationName|operation name/i,
  },
  {
    wrong: 'a field that is none',
    headers: JSON_TYPE,
    body: JSON.stringify({ query: '{ romms { totalCount } }' }),
    status: 400,
    code: 'GRAPHQL_VALIDATION_FAILED',
    remedy: /Did you mean "?'?rooms/,
  },
  {
    wrong: 'a variable of a wrong type',
    headers: JSON_TYPE,
    body: JSON.stringify({
      query: 'query ($first: Int) { rooms(first: $first) { totalCount } }',
      variables: { first: 'ten' },
    }),
    status: 400,
    code: 'BAD_USER_INPUT',
    remedy: /\$first.*Int/,
  },
  {
    wrong: 'a variable that is missing',
    headers: JSON_TYPE,
    body: JSON.stringify({ query: 'query ($id: ID!) { room(id: $id) { id } }' }),
    status: 400,
    code: 'BAD_USER_INPUT',
    remedy: /\$id.*required.*ID!/,
  },
  {
    wrong: 'an unknown input field',
    headers: JSON_TYPE,
    body: JSON.stringify({
      query: 'mutation ($input: CreateRoomInput!) { createRoom(input: $input) { room { id } } }',
      variables: { input: { name: 'x', topic: 'y' } },
    }),
    status: 400,
    code: 'BAD_USER_INPUT',
    remedy: /topic/,
  },
  {
    wrong: 'a token that is none',
    headers: { ...JSON_TYPE, authorization: 'Bearer nothing' },
    body: QUERY,
    status: 401,
    code: 'UNAUTHENTICATED',
    remedy: /createVisitor/,
  },
  {
    wrong: 'another scheme than Bearer',
    headers: { ...JSON_TYPE, authorization: 'Basic dXNlcjpwYXNz' },
    body: QUERY,
    status: 401,
    code: 'UNAUTHENTICATED',
    remedy: /Authorization: Bearer/,
  },
  {
    wrong: 'no token where one is needed',
    headers: JSON_TYPE,
    body: JSON.stringify({ query: 'mutation { createRoom(input: { name: "x" }) { room { id } } }' }),
    status: 200,
    code: 'UNAUTHENTICATED',
    remedy: /createVisitor.*Authorization: Bearer/s,
  },
  {
    wrong: 'a cursor of another list',
    headers: JSON_TYPE,
    body: JSON.stringify({ query: '{ rooms(after: "nonsense") { totalCount } }' }),
    status: 200,
    code: 'BAD_CURSOR',
    remedy: /./,
  },
  {
    wrong: 'a page larger than there is',
    headers: JSON_TYPE,
    body: JSON.stringify({ query: '{ rooms(first: 101) { totalCount } }' }),
    status: 200,
    code: 'BAD_USER_INPUT',
    remedy: /1 to 100/,
  },
];

describe('clients that do it wrong are told what to do', () => {
  const chat = useServer('embedded');

  /** By hand: `fetch` adds a Content-Type of its own. */
  function ask(
    path: string,
    method: string,
    headers: Readonly<Record<string, string>>,
    body?: string,
  ): Promise<Answer> {
    const { hostname, port } = new URL(chat.url);
    return new Promise((resolve, reject) => {
      const request = httpRequest({ hostname, port, path, method, headers }, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text }),
        );
      });
      request.on('error', reject);
      request.end(body);
    });
  }

  /** The first error of an answer, in JSON or in the first event of a stream. */
  function errorOf({ headers, text }: Answer) {
    const isStream = headers['content-type'] === 'text/event-stream';
    expect(headers['content-type']).toMatch(/json|^text\/event-stream$/);
    const json = isStream ? (/^event: next\ndata: (.*)$/m.exec(text)?.[1] ?? '') : text;
    const { errors } = JSON.parse(json) as { errors: { message: string; extensions: { code: string } }[] };
    return { code: errors[0]?.extensions.code, message: errors[0]?.message };
  }

  const send = ({ path = '/graphql', method = 'POST', headers = {}, body }: Wrong, more = {}) =>
    ask(path, method, { ...headers, ...more }, body);

  it.each(HTTP)('$wrong: $status $code', async (wrong) => {
    const answer = await send(wrong);
    const { code, message } = errorOf(answer);
    expect({ status: answer.status, code }).toEqual({ status: wrong.status, code: wrong.code });
    expect(message).toMatch(wrong.remedy);
  });

  // The front answers JSON to a POST; whoever asks by GET, or for events, is answered by Yoga.
  const isRight = /without an event stream|that is not JSON wanted/;
  it.each(HTTP.filter(({ wrong }) => !isRight.test(wrong)))(
    'the same on the route of Yoga, for events: $wrong',
    async (wrong) => {
      const answer = await send(wrong, { accept: 'text/event-stream' });
      const { code, message } = errorOf(answer);
      const isRequest = code === 'BAD_REQUEST' || wrong.status === 401;
      expect({ status: answer.status, code }).toEqual({
        status: isRequest ? wrong.status : 200,
        code: wrong.code,
      });
      expect(message).toMatch(wrong.remedy);
    },
  );

  const isQuery = ({ method, headers = {}, body = '' }: Wrong) =>
    method === undefined &&
    headers['content-type'] === 'application/json' &&
    headers['content-encoding'] === undefined &&
    /^\{"query":"(\{|query)/.test(body) &&
    // In a query string variables are text for everybody.
    !body.includes('"variables":"');
  it.each(HTTP.filter(isQuery))('the same on the route of Yoga, by GET: $wrong', async (wrong) => {
    const parameters = Object.entries(JSON.parse(wrong.body ?? '') as Record<string, unknown>);
    const search = new URLSearchParams(
      parameters.map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]),
    );
    const { 'content-type': _, ...headers } = wrong.headers ?? {};
    const answer = await ask(`/graphql?${search}`, 'GET', headers);
    const { code, message } = errorOf(answer);
    expect({ status: answer.status, code }).toEqual({ status: wrong.status, code: wrong.code });
    expect(message).toMatch(wrong.remedy);
  });

  it.each([
    [
      'the old subprotocol',
      '/graphql',
      { 'sec-websocket-protocol': 'graphql-ws' },
      400,
      /graphql-transport-ws/,
    ],
    ['no subprotocol', '/graphql', {}, 400, /graphql-transport-ws/],
    ['another path', '/subscriptions', {}, 404, /\/graphql/],
  ])('a socket with %s: %s %s', async (_, path, headers, status, remedy) => {
    const answer = await ask(path, 'GET', {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      ...headers,
    });
    expect(answer.status).toBe(status);
    expect(answer.text).toMatch(remedy);
  });

  it.each([
    [
      'a variable of a wrong type',
      'query ($first: Int) { rooms(first: $first) { totalCount } }',
      { first: 'x' },
    ],
    ['a variable that is missing', 'query ($id: ID!) { room(id: $id) { id } }', {}],
  ])('over a socket the same, and the socket goes on: %s', async (_, query, variables) => {
    const socket = openSocket(`${chat.url}/graphql`);
    await socket.init();
    socket.subscribe('wrong', query, variables);
    const { payload } = await socket.frame('error', 'wrong');
    expect(payload).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }]);
    socket.subscribe('right', '{ viewer { id } }');
    await socket.frame('complete', 'right');
  });
});
