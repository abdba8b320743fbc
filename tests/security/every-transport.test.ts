import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { useServer } from '../api/world.ts';
import { createRoom, createVisitor, type TestVisitor } from '../testkit/seed.ts';
import { openSocket } from '../testkit/bare-socket.ts';
import { upgradeRequest } from './support/raw-socket.ts';
import { report } from './support/table.ts';

/** What a call was told: null when it was let through. */
interface Heard {
  readonly code: string | null;
  readonly retryAfterMs: number | null;
}
interface Problem {
  readonly code?: string;
  readonly retryAfterMs?: number | null;
  readonly extensions?: { readonly code?: string; readonly retryAfterMs?: number };
}
interface Answer {
  readonly data?: Readonly<Record<string, { readonly userErrors?: readonly Problem[] } | null>> | null;
  readonly errors?: readonly Problem[];
}
/** Somebody at an address. */
interface Caller {
  readonly visitor: TestVisitor;
  readonly address: string;
  call(query: string, variables?: object): Promise<Heard>;
}

/** An error of the operation, or the first user error of its first field. */
function heard({ data, errors }: Answer): Heard {
  const [error] = errors ?? [];
  if (error !== undefined) {
    return {
      code: error.extensions?.code ?? 'none',
      retryAfterMs: error.extensions?.retryAfterMs ?? null,
    };
  }
  const [problem] = Object.values(data ?? {})[0]?.userErrors ?? [];
  return { code: problem?.code ?? null, retryAfterMs: problem?.retryAfterMs ?? null };
}

const TRANSPORTS = ['requests', 'event streams', 'a socket'] as const;
type Transport = (typeof TRANSPORTS)[number];

/** The caller's way to the server; a socket is one for all its calls. */
async function caller(url: string, transport: Transport, address: string): Promise<Caller> {
  const visitor = await createVisitor(url, { headers: { 'x-forwarded-for': address } });
  const headers = { 'x-forwarded-for': address };
  if (transport === 'a socket') {
    const socket = openSocket(`${url}/graphql`, { headers });
    await socket.init({ token: visitor.token });
    let calls = 0;
    return {
      visitor,
      address,
      async call(query, variables = {}) {
        const id = String((calls += 1));
        socket.subscribe(id, query, { ...variables });
        const frame = (await socket.any(id)) as unknown as { type: string; payload: never };
        return frame.type === 'error' ? heard({ errors: frame.payload }) : heard(frame.payload);
      },
    };
  }
  const accept = transport === 'requests' ? 'application/json' : 'text/event-stream';
  return {
    visitor,
    address,
    async call(query, variables = {}) {
      const response = await fetch(`${url}/graphql`, {
        method: 'POST',
        headers: {
          ...headers,
          accept,
          'content-type': 'application/json',
          authorization: `Bearer ${visitor.token}`,
        },
        body: JSON.stringify({ query, variables }),
      });
      const text = await response.text();
      return heard(JSON.parse(/^data: (.*)$/m.exec(text)?.[1] ?? text) as Answer);
    },
  };
}

const SEND =
  'mutation ($i: SendMessageInput!) { sendMessage(input: $i) { userErrors { code retryAfterMs } } }';
const CREATE_ROOM =
  'mutation ($i: CreateRoomInput!) { createRoom(input: $i) { userErrors { code retryAfterMs } } }';
const RENAME =
  'mutation ($i: RenameViewerInput!) { renameViewer(input: $i) { userErrors { code retryAfterMs } } }';
const VISIT = 'mutation ($i: VisitRoomInput!) { visitRoom(input: $i) { userErrors { code retryAfterMs } } }';
const QUERY_15 = `{ ${Array.from({ length: 15 }, (_, at) => `a${at}: settings { maxMessageLength }`).join(' ')} }`;
const FOLLOW = 'subscription { roomsChanged { cursor } }';

let inputs = 0;
let rates = 0;
report('L1', () => ({
  tried: inputs,
  of: 'inputs just inside and just outside x 3 transports',
  result: 'taken, or INVALID_INPUT about the field',
}));
report('L2', () => ({
  tried: rates,
  of: 'rates used up x 3 transports',
  result: 'RATE_LIMITED with retryAfterMs at the next call; neighbours let through',
}));

describe.each(TRANSPORTS)('L1 what an input may hold, by %s', (transport) => {
  const server = useServer('embedded', { TRUST_PROXY_HOPS: '1' });

  it('is taken up to its limit, and is a typed refusal of that input alone beyond it', async () => {
    const { url } = server;
    const { visitor, call } = await caller(url, transport, '198.51.100.1');
    const roomId = await createRoom(url, visitor);
    let names = 0;
    const name = (length: number) => `${(names += 1)}`.padEnd(length, '한');
    const cases: readonly (readonly [string, string, (length: number) => object, number])[] = [
      ['a text', SEND, (length) => ({ roomId, text: '😀'.repeat(length) }), 2000],
      ['a key', SEND, (length) => ({ roomId, text: 'x', idempotencyKey: '한'.repeat(length) }), 64],
      ["a room's name", CREATE_ROOM, (length) => ({ name: name(length) }), 80],
      ['a display name', RENAME, (length) => ({ displayName: name(length) }), 40],
    ];
    const told = [];
    for (const [what, query, input, limit] of cases) {
      for (const length of [0, 1, limit, limit + 1]) {
        // A name of one character is one that others may have.
        const { code } = await call(query, { i: input(length) });
        told.push([what, length, code]);
        inputs += 1;
      }
    }
    const expected = cases.flatMap(([what, , , limit]) =>
      [0, 1, limit, limit + 1].map((length) => [
        what,
        length,
        // The names begin with a number, so that none of them is empty or taken.
        (length === 0 && !what.endsWith('name')) || length > limit ? 'INVALID_INPUT' : null,
      ]),
    );
    expect(told).toEqual(expected);
  });
});

describe('L1 what a connection may hold', () => {
  const server = useServer('embedded');
  const HEADER_BYTES = 16_384;

  /** Everything that is answered to these bytes within the connection. */
  const answered = (bytes: string, until: (answer: string) => boolean) =>
    new Promise<string>((resolve, reject) => {
      let answer = '';
      const socket = connect(Number(new URL(server.url).port), '127.0.0.1', () => socket.write(bytes));
      socket.on('data', (chunk: Buffer) => {
        answer += chunk.toString('latin1');
        if (until(answer)) socket.destroy();
      });
      socket.on('close', () => resolve(answer));
      socket.on('error', reject);
    });

  it.each([
    ['a request', 'GET /livez HTTP/1.1\r\nHost: localhost\r\n', '200'],
    ['an upgrade', upgradeRequest().slice(0, -2), '101'],
  ])('16 KiB of headers of %s, and is told 431 beyond', async (_name, start, status) => {
    const asked = async (bytes: number) => {
      const header = `X-Long: ${'x'.repeat(bytes - start.length - 'X-Long: \r\n\r\n'.length)}\r\n\r\n`;
      return (await answered(start + header, (answer) => answer.includes('\r\n\r\n'))).slice(9, 12);
    };
    expect([await asked(HEADER_BYTES - 256), await asked(HEADER_BYTES + 256)]).toEqual([status, '431']);
    inputs += 2;
  });

  it('1,000 requests of one connection, and is told so with the last one', async () => {
    const one = 'GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n';
    // Node closes a connection with requests behind its last one only when it has been quiet for a minute.
    const all = (answer: string): boolean => answer.split('HTTP/1.1 ').length > 1010;
    const answer = await answered(one.repeat(1010), all);
    const statuses = [...answer.matchAll(/^HTTP\/1\.1 (\d+)/gm)].map(([, status]) => status);
    expect(statuses.filter((status) => status === '200')).toHaveLength(1000);
    expect(statuses.slice(1000).filter((status) => status !== '503')).toEqual([]);
    expect(answer.match(/^Connection: close/gim)?.length).toBeGreaterThanOrEqual(1);
    expect((await fetch(`${server.url}/livez`)).status).toBe(200);
    inputs += 2;
  });
});

/** What may be used up: by which call, how often, within what time. */
const RATES: readonly {
  readonly name: string;
  readonly times: number;
  readonly windowMs: number;
  readonly query: string;
  readonly input: (roomId: string, index: number) => object;
}[] = [
  {
    name: 'messages',
    times: 10,
    windowMs: 5000,
    query: SEND,
    input: (roomId, index) => ({ i: { roomId, text: `text ${index}` } }),
  },
  {
    name: 'rooms',
    times: 3,
    windowMs: 60_000,
    query: CREATE_ROOM,
    input: (roomId, index) => ({ i: { name: `Room ${index} beside ${roomId}`.slice(0, 80) } }),
  },
  { name: 'queries', times: 4, windowMs: 10_000, query: QUERY_15, input: () => ({}) },
];

describe.each(TRANSPORTS)('L2 how often, by %s', (transport) => {
  const server = useServer('embedded', {
    RATE_LIMITS: 'on',
    TRUST_PROXY_HOPS: '1',
    MAX_SOCKETS_PER_ADDRESS: '50',
  });
  let addresses = 0;
  const newcomer = () => {
    addresses += 1;
    return caller(server.url, transport, `198.51.100.${addresses}`);
  };

  it.each(RATES)(
    '$name: the next one is told how long to wait, and a neighbour is let through',
    async (rate) => {
      const host = await createVisitor(server.url, {
        headers: { 'x-forwarded-for': `192.0.2.${addresses}` },
      });
      const roomId = await createRoom(server.url, host);
      const [offender, neighbour] = [await newcomer(), await newcomer()];
      const started = performance.now();
      const answers: Heard[] = [];
      for (let index = 0; index <= rate.times; index += 1) {
        answers.push(await offender.call(rate.query, rate.input(roomId, index)));
      }
      expect(answers.slice(0, rate.times).map(({ code }) => code)).toEqual(
        Array.from({ length: rate.times }, () => null),
      );
      const last = answers.at(-1);
      // A machine that is slow enough has given the next window meanwhile.
      const isNext = performance.now() - started > rate.windowMs / 2;
      expect(last?.code ?? (isNext ? 'RATE_LIMITED' : null)).toBe('RATE_LIMITED');
      expect(last?.retryAfterMs ?? (isNext ? 1 : 0)).toBeGreaterThan(0);
      expect((await neighbour.call(rate.query, rate.input(roomId, rate.times + 1))).code).toBeNull();
      rates += 1;
    },
  );

  it('what has no rate of its own draws on that of queries: subscriptions, visits, names', async () => {
    const host = await createVisitor(server.url, { headers: { 'x-forwarded-for': '192.0.2.250' } });
    const roomId = await createRoom(server.url, host);
    const [offender, neighbour] = [await newcomer(), await newcomer()];
    const started = performance.now();
    for (let index = 0; index < 4; index += 1) await offender.call(QUERY_15);
    const codes = [];
    const calls: readonly (readonly [string, object])[] = [
      [VISIT, { i: { roomId } }],
      [RENAME, { i: { displayName: 'Somebody' } }],
      ...(transport === 'requests' ? [] : [[FOLLOW, {}] as const]),
    ];
    for (const [query, variables] of calls) codes.push((await offender.call(query, variables)).code);
    const isNext = performance.now() - started > 5000;
    expect(new Set(codes.map((code) => code ?? (isNext ? 'RATE_LIMITED' : null)))).toEqual(
      new Set(['RATE_LIMITED']),
    );
    expect((await neighbour.call(VISIT, { i: { roomId } })).code).toBeNull();
    rates += calls.length;
  });
});

describe('L2 new visitors by sockets', () => {
  const server = useServer('embedded', {
    RATE_LIMITS: 'on',
    TRUST_PROXY_HOPS: '1',
    MAX_SOCKETS_PER_ADDRESS: '50',
  });

  it('30 of one address are acknowledged, the next one is closed with 1013, another address is let in', async () => {
    const init = async (address: string) => {
      const socket = openSocket(`${server.url}/graphql`, { headers: { 'x-forwarded-for': address } });
      await socket.opened;
      socket.send({ type: 'connection_init' });
      return Promise.race([socket.closed().then(({ code }) => code), socket.frame('connection_ack')]);
    };
    const codes = [];
    for (let index = 0; index < 31; index += 1) {
      const answer = await init('198.51.100.200');
      codes.push(typeof answer === 'number' ? answer : 'acknowledged');
    }
    expect(codes).toEqual([...Array.from({ length: 30 }, () => 'acknowledged'), 1013]);
    expect(typeof (await init('198.51.100.201'))).toBe('object');
    rates += 1;
  });
});
