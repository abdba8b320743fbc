import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { useServer } from '../api/world.ts';
import { request } from '../testkit/graphql-client.ts';
import { createRoom, createVisitor } from '../testkit/seed.ts';
import { frame, openRaw, text } from './support/raw-socket.ts';
import { INSPECTED, keptMb } from './support/process.ts';
import { LONG, scaled } from './support/scale.ts';
import { report } from './support/table.ts';

const FRAMES = scaled(600, 12_000);
const DOCUMENTS = scaled(600, 10_000);
const REQUESTS = scaled(400, 8000);
const MAX_GROWTH_MB = 32;

/** A seeded generator (mulberry32): the seed of a failing run makes the same inputs again. */
function chanceOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
const given = process.env['MADANG_SEED'];
const SEED = given === undefined ? randomBytes(4).readUInt32LE() : Number(given);
const chance = chanceOf(SEED);
const below = (limit: number): number => Math.floor(chance() * limit);
const pick = <Item>(items: readonly Item[]): Item => items[below(items.length)]!;

const WORDS = [
  'query',
  'mutation',
  'subscription',
  'fragment',
  'on',
  '{',
  '}',
  '(',
  ')',
  '[',
  ']',
  ':',
  '$',
  '!',
  '@',
  '...',
  '=',
  '|',
  '"',
  '"""',
  '#',
  ',',
  '\\u',
  '\\',
  'rooms',
  'room',
  'node',
  'nodes',
  'viewer',
  'settings',
  'messages',
  'sendMessage',
  'createRoom',
  'messageAdded',
  'roomsChanged',
  'first',
  'last',
  'after',
  'before',
  'id',
  'ids',
  'input',
  'text',
  'Room',
  'Query',
  'Message',
  '__typename',
  '__schema',
  '__type',
  '__proto__',
  'skip',
  'include',
  'if',
  'true',
  'false',
  'null',
  '0',
  '-1',
  '1e309',
  '99999999999',
  '1.5',
  '\u0000',
  '\ufeff',
  '😀',
  '\ud800',
  '\n',
  ' ',
];
const DOCUMENT_SEEDS = [
  '{ rooms(first: 5) { nodes { id name messages(last: 2) { nodes { text author { displayName } } } } totalCount } }',
  'query ($id: ID!, $n: Int = 3) { node(id: $id) { ... on Room { name messages(first: $n) { pageInfo { hasNextPage } } } } }',
  'mutation ($i: SendMessageInput!) { sendMessage(input: $i) { message { number } userErrors { code } } }',
  'query A { viewer { ...V } } fragment V on Visitor { id displayName @include(if: true) }',
  '{ __schema { types { name fields { name type { name } } } } }',
  'subscription ($r: ID!) { messageAdded(roomId: $r) { cursor message { text } } }',
];

/** The seed with a few bytes, words or pieces of it changed. */
function mutated(seed: string): string {
  let value = seed;
  for (let change = below(4); change >= 0; change -= 1) {
    const at = below(value.length + 1);
    const until = at + below(12);
    const piece = pick([
      () => pick(WORDS),
      () => '',
      () => value.slice(at, until).repeat(1 + below(20)),
      () => String.fromCharCode(below(0x10000)),
      () => value.slice(below(value.length), below(value.length)),
    ])();
    value = value.slice(0, at) + piece + value.slice(pick([at, until]));
  }
  return value;
}

const MESSAGES = [
  '{"type":"connection_init","payload":{}}',
  '{"type":"subscribe","id":"1","payload":{"query":"{ __typename }"}}',
  '{"type":"subscribe","id":"1","payload":{"query":"subscription { roomsChanged { cursor } }","variables":{}}}',
  '{"type":"complete","id":"1"}',
  '{"type":"ping","payload":{"a":1}}',
];
const HTTP_SEEDS = [
  'POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 26\r\nConnection: close\r\n\r\n{"query":"{ __typename }"}',
  'GET /graphql?query={__typename} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\nConnection: close\r\n\r\n',
  'GET /client/rooms/x HTTP/1.1\r\nHost: localhost:80\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n',
  'GET /readyz?x=%zz HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 1.2.3.4, ::1\r\nConnection: close\r\n\r\n',
  'OPTIONS /graphql HTTP/1.1\r\nHost: localhost\r\nOrigin: http://x\r\nAccess-Control-Request-Headers: a\r\nConnection: close\r\n\r\n',
  'GET /graphql HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n',
  'POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n1a\r\n{"query":"{ __typename }"}\r\n0\r\n\r\n',
  'GET /client/assets/../../package.json HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: "x"\r\nRange: bytes=0-1,2-3\r\nConnection: close\r\n\r\n',
];

async function parallel(count: number, workers: number, action: () => Promise<void>): Promise<void> {
  let left = count;
  await Promise.all(
    Array.from({ length: workers }, async () => {
      while ((left -= 1) >= 0) await action();
    }),
  );
}

let tried = 0;
let growth = 0;
report('S17', () => ({
  tried,
  of: `random frames, documents and requests (seed ${SEED})`,
  result: `no crash, nothing unhandled, no 500, no 4500; memory +${growth.toFixed(0)} MB`,
}));

describe('S17 random input', () => {
  // Silence is no option here: an error that is logged is a failure that was not expected.
  const server = useServer('embedded', { LOG_LEVEL: 'warn', ...INSPECTED });
  const closes = new Map<number | null, number>();
  const note = (code: number | null) => closes.set(code, (closes.get(code) ?? 0) + 1);

  async function frames(): Promise<void> {
    const socket = await openRaw(server.url);
    if (chance() < 0.7) socket.send(text(MESSAGES[0]!));
    for (let sent = below(5); sent >= 0; sent -= 1) {
      socket.send(
        pick([
          () => randomBytes(1 + below(200)),
          () =>
            frame({
              opcode: below(16),
              fin: chance() < 0.8,
              rsv: pick([0, 0, 0, below(8)]),
              masked: chance() < 0.95,
              payload: randomBytes(below(130)),
            }),
          () => text(mutated(pick(MESSAGES))),
          () => text(pick(MESSAGES)),
          () =>
            text(
              JSON.stringify({
                type: 'subscribe',
                id: mutated('1'),
                payload: { query: mutated(pick(DOCUMENT_SEEDS)), variables: pick([{}, null, [], { id: 1 }]) },
              }),
            ),
        ])(),
      );
    }
    socket.socket.end();
    note(await socket.closed);
    tried += 1;
  }

  async function documents(token: string, roomId: string): Promise<void> {
    const query = mutated(pick(DOCUMENT_SEEDS));
    const variables = pick([
      {},
      { id: roomId, r: roomId, n: below(200) - 50 },
      { i: { roomId, text: mutated('hello') } },
      { i: mutated('x') },
    ]);
    const answer = await request(server.url, query, variables, { token });
    const code = answer.errors[0]?.extensions?.code;
    if (
      answer.status >= 500 ||
      code === 'INTERNAL_SERVER_ERROR' ||
      (answer.errors.length > 0 && code === undefined)
    ) {
      throw new Error(
        `seed ${SEED}: ${answer.status} ${JSON.stringify(answer.errors)} for ${JSON.stringify({ query, variables })}`,
      );
    }
    tried += 1;
  }

  async function requests(): Promise<void> {
    const bytes = mutated(pick(HTTP_SEEDS));
    const status = await new Promise<string>((resolve) => {
      const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
      let answer = '';
      const limit = setTimeout(() => socket.destroy(), 300);
      socket.on('data', (chunk) => (answer += chunk.toString('latin1')));
      socket.on('error', () => undefined);
      socket.on('close', () => {
        clearTimeout(limit);
        resolve(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 'none');
      });
      socket.write(bytes, 'latin1');
    });
    if (status.startsWith('5')) throw new Error(`seed ${SEED}: ${status} for ${JSON.stringify(bytes)}`);
    tried += 1;
  }

  it('ends nobody but its sender, and is never answered as a failure of the server', async () => {
    const { url } = server;
    const visitor = await createVisitor(url);
    const roomId = await createRoom(url, visitor);
    const rounds = LONG ? 4 : 2;
    let settled = 0;
    for (let round = 0; round < rounds; round += 1) {
      await parallel(FRAMES / rounds, 10, frames);
      await parallel(DOCUMENTS / rounds, 5, () => documents(visitor.token, roomId));
      await parallel(REQUESTS / rounds, 10, requests);
      // The first round fills what is made once.
      if (round === 0) settled = await keptMb(server);
    }
    growth = Math.max(0, (await keptMb(server)) - settled);
    expect([...closes.keys()].filter((code) => code === 4500 || code === 1011 || code === 1001)).toEqual([]);
    expect(server.output).not.toMatch(/"level":"error"|unhandled|uncaught/i);
    expect(growth).toBeLessThanOrEqual(MAX_GROWTH_MB);
    expect((await request(url, '{ __typename }')).data).toEqual({ __typename: 'Query' });
  });
});
