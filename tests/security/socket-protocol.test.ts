import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { eventually, useServer } from '../api/world.ts';
import { MESSAGE_ADDED, createRoom, createVisitor, readPage, sendMessage } from '../testkit/seed.ts';
import { openSocket, raw, refusedUpgrade } from '../testkit/bare-socket.ts';
import { residentMb } from './support/process.ts';
import { closeFrame, frame, openRaw, text, upgradeRequest, type RawSocket } from './support/raw-socket.ts';
import { report } from './support/table.ts';
import { scaled } from './support/scale.ts';

const INIT = text('{"type":"connection_init"}');
const SUBSCRIBE = '{ __typename }';
const MB = 1_048_576;
const MAX_GROWTH_MB = 20;
/** What each abuse is repeated, so that a leak of one shows in the memory. */
const ROUNDS = scaled(2, 40);

type Abuse = readonly [name: string, send: (socket: RawSocket) => void, code: number | null];

/** What no frame may be, whatever it says: RFC 6455. */
const FRAMES: readonly Abuse[] = [
  ['a binary frame', (s) => s.send(frame({ opcode: 2, payload: Buffer.from('{"type":"ping"}') })), 4400],
  ['text that is not UTF-8', (s) => s.send(frame({ opcode: 1, payload: Buffer.from([0xc3, 0x28]) })), 1007],
  [
    'reserved bits: RSV1, as of compression',
    (s) => s.send(frame({ opcode: 1, rsv: 4, payload: Buffer.from('x') })),
    1002,
  ],
  ['reserved bits: RSV2', (s) => s.send(frame({ opcode: 1, rsv: 2, payload: Buffer.from('x') })), 1002],
  [
    'a frame that is not masked',
    (s) => s.send(frame({ opcode: 1, masked: false, payload: Buffer.from('{}') })),
    1002,
  ],
  ['a reserved opcode', (s) => s.send(frame({ opcode: 3 })), 1002],
  ['a reserved control opcode', (s) => s.send(frame({ opcode: 11 })), 1002],
  ['a ping in fragments', (s) => s.send(frame({ opcode: 9, fin: false })), 1002],
  ['a ping of 126 bytes', (s) => s.send(frame({ opcode: 9, payload: Buffer.alloc(126) })), 1002],
  ['a continuation of nothing', (s) => s.send(frame({ opcode: 0, payload: Buffer.from('x') })), 1002],
  [
    'a message within a message',
    (s) => s.send(frame({ opcode: 1, fin: false, payload: Buffer.from('{') }), frame({ opcode: 1 })),
    1002,
  ],
  ['close code 0', (s) => s.send(closeFrame(0)), 1002],
  ['close code 999', (s) => s.send(closeFrame(999)), 1002],
  ['close code 1005', (s) => s.send(closeFrame(1005)), 1002],
  ['close code 5000', (s) => s.send(closeFrame(5000)), 1002],
  ['a close of one byte', (s) => s.send(frame({ opcode: 8, payload: Buffer.from([3]) })), 1002],
  ['a close reason that is not UTF-8', (s) => s.send(closeFrame(1000, Buffer.from([0xc3, 0x28]))), 1007],
  ['a proper close', (s) => s.send(closeFrame(1000)), 1000],
  ['HTTP behind the upgrade', (s) => s.send(Buffer.from('GET /livez HTTP/1.1\r\nHost: x\r\n\r\n')), 1002],
  ['a length of 2^63', (s) => s.send(Buffer.from([0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])), 1009],
  ['a frame of 20 MB', (s) => s.send(frame({ opcode: 1, payload: Buffer.alloc(20 * MB, 'x') })), 1009],
  [
    '65 KiB in fragments of 8 KiB',
    (s) =>
      s.send(
        ...Array.from({ length: 10 }, (_, i) =>
          frame({ opcode: i === 0 ? 1 : 0, fin: false, payload: Buffer.alloc(8192, 'x') }),
        ),
      ),
    1009,
  ],
  [
    '100,000 fragments of one byte',
    (s) => {
      const tiny = frame({ opcode: 0, fin: false, payload: Buffer.from('x') });
      s.send(frame({ opcode: 1, fin: false }), Buffer.concat(Array.from({ length: 100_000 }, () => tiny)));
    },
    1008,
  ],
  ['a half close', (s) => void s.socket.end(), null],
  ['a cut', (s) => void s.socket.destroy(), null],
];

/** What no message may be: graphql-transport-ws. */
const MESSAGES: readonly Abuse[] = [
  ['no JSON', (s) => s.send(text('{"type":')), 4400],
  ['an empty frame', (s) => s.send(text('')), 4400],
  ['an array', (s) => s.send(text('[]')), 4400],
  ['null', (s) => s.send(text('null')), 4400],
  ['a number', (s) => s.send(text('7')), 4400],
  ['deep JSON', (s) => s.send(text('['.repeat(30_000))), 4400],
  ['an unknown type', (s) => s.send(text('{"type":"start","id":"1"}')), 4400],
  ['a type that is no text', (s) => s.send(text('{"type":1}')), 4400],
  ['the type __proto__', (s) => s.send(text('{"type":"__proto__"}')), 4400],
  ["a server's frame: next", (s) => s.send(text('{"type":"next","id":"1","payload":{}}')), 4400],
  ["a server's frame: error", (s) => s.send(text('{"type":"error","id":"1","payload":[]}')), 4400],
  ["a server's frame: connection_ack", (s) => s.send(text('{"type":"connection_ack"}')), 4400],
  [
    'a subscribe without an id',
    (s) => s.send(text('{"type":"subscribe","payload":{"query":"{ __typename }"}}')),
    4400,
  ],
  [
    'a subscribe with an empty id',
    (s) => s.send(text('{"type":"subscribe","id":"","payload":{"query":"{ __typename }"}}')),
    4400,
  ],
  [
    'a subscribe whose id is a number',
    (s) => s.send(text('{"type":"subscribe","id":1,"payload":{"query":"{ __typename }"}}')),
    4400,
  ],
  ['a subscribe without a payload', (s) => s.send(text('{"type":"subscribe","id":"1"}')), 4400],
  ['a subscribe without a query', (s) => s.send(text('{"type":"subscribe","id":"1","payload":{}}')), 4400],
  [
    'a query that is a number',
    (s) => s.send(text('{"type":"subscribe","id":"1","payload":{"query":1}}')),
    4400,
  ],
  [
    'variables that are an array',
    (s) => s.send(text('{"type":"subscribe","id":"1","payload":{"query":"{ __typename }","variables":[]}}')),
    4400,
  ],
  ['a ping whose payload is a number', (s) => s.send(text('{"type":"ping","payload":1}')), 4400],
  ['a complete without an id', (s) => s.send(text('{"type":"complete"}')), 4400],
  ['a second init', (s) => s.send(INIT), 4429],
];

/** What may come before the acknowledgement. */
const BEFORE_INIT: readonly Abuse[] = [
  [
    'a subscribe first',
    (s) => s.send(text('{"type":"subscribe","id":"1","payload":{"query":"{ __typename }"}}')),
    4401,
  ],
  ['two inits at once', (s) => s.send(INIT, INIT), 4429],
  ['an init whose payload is a text', (s) => s.send(text('{"type":"connection_init","payload":"x"}')), 4400],
  [
    'an init with a token that is a number',
    (s) => s.send(text('{"type":"connection_init","payload":{"token":1}}')),
    4403,
  ],
  [
    'an init with an empty token',
    (s) => s.send(text('{"type":"connection_init","payload":{"token":""}}')),
    4403,
  ],
  [
    'an init with two tokens',
    (s) => s.send(text('{"type":"connection_init","payload":{"token":"a","Authorization":"Bearer b"}}')),
    4403,
  ],
  [
    'an init of 1 MB',
    (s) => s.send(text(`{"type":"connection_init","payload":{"x":"${'x'.repeat(MB)}"}}`)),
    1009,
  ],
  ['nothing at all', () => undefined, 4408],
];

const UPGRADES: readonly [
  name: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  status: number,
][] = [
  ['a wrong path', '/graphq', {}, 404],
  ['a path below', '/graphql/x', {}, 404],
  ['a path that no URL holds', '//[', {}, 404],
  ['the legacy subprotocol', '/graphql', { 'sec-websocket-protocol': 'graphql-ws' }, 400],
  ['no known subprotocol', '/graphql', { 'sec-websocket-protocol': 'soap' }, 400],
  ['version 7', '/graphql', { 'sec-websocket-version': '7' }, 400],
  ['a key that is none', '/graphql', { 'sec-websocket-key': 'x' }, 400],
];

let cases = 0;
let growth = 0;
report('S4', () => ({
  tried: cases,
  of: `abuses, each ${ROUNDS} times`,
  result: `the exact code each time; memory +${growth.toFixed(1)} MB; neighbours live`,
}));

describe('S4 abuse of the socket protocol', () => {
  const server = useServer('embedded', { MAX_SOCKETS_PER_ADDRESS: '1000' });
  const open = async (init: boolean) => {
    const socket = await openRaw(server.url);
    if (init) socket.send(INIT);
    return socket;
  };

  async function neighbourly(run: () => Promise<unknown>) {
    const visitor = await createVisitor(server.url);
    const roomId = await createRoom(server.url, visitor);
    const neighbour = openSocket(`${server.url}/graphql`);
    await neighbour.init();
    const { resumeCursor: after } = await readPage(server.url, roomId, { last: 1 });
    neighbour.subscribe('live', MESSAGE_ADDED, { roomId, after });
    await run();
    await sendMessage(server.url, visitor, { roomId, text: 'still here?' });
    await neighbour.frame('next', 'live');
    expect(neighbour.frames.filter(({ type }) => type === 'complete' || type === 'error')).toEqual([]);
  }

  async function codesOf(abuses: readonly Abuse[], init: boolean) {
    const results = await Promise.all(
      abuses.map(async ([name, send]) => {
        const socket = await open(init);
        send(socket);
        return [name, await socket.closed];
      }),
    );
    cases += abuses.length;
    return Object.fromEntries(results) as Record<string, number | null>;
  }
  const expected = (abuses: readonly Abuse[]) =>
    Object.fromEntries(abuses.map(([name, , code]) => [name, code]));

  it('ends that socket with the exact code, and no other', async () => {
    await neighbourly(async () => {
      expect(await codesOf(FRAMES, true)).toEqual(expected(FRAMES));
      expect(await codesOf(MESSAGES, true)).toEqual(expected(MESSAGES));
      expect(await codesOf(BEFORE_INIT, false)).toEqual(expected(BEFORE_INIT));
    });
  });

  it('leaves nothing behind in memory', async () => {
    const all = [...FRAMES, ...MESSAGES, ...BEFORE_INIT.slice(0, -1)];
    // The first round fills what is made once: code, buffers, caches.
    for (const abuses of [FRAMES, MESSAGES]) await codesOf(abuses, true);
    const before = residentMb(server.pid);
    for (let round = 0; round < ROUNDS; round += 1) await codesOf(all, true);
    const after = await eventually(
      () => residentMb(server.pid),
      (mb) => mb - before <= MAX_GROWTH_MB,
    );
    cases -= all.length * ROUNDS + FRAMES.length + MESSAGES.length;
    growth = Math.max(0, after - before);
    expect(growth).toBeLessThanOrEqual(MAX_GROWTH_MB);
  });

  it('a message in 16 fragments is one; of a 17th its socket ends with 1008', async () => {
    const message = '{"type":"ping"}'.padEnd(32);
    const inFragments = (count: number) =>
      Array.from({ length: count }, (_, at) =>
        frame({
          opcode: at === 0 ? 1 : 0,
          fin: at === count - 1,
          payload: Buffer.from(at === count - 1 ? message.slice(at) : (message[at] ?? '')),
        }),
      );
    const socket = await open(true);
    let heard = '';
    socket.socket.on('data', (chunk: Buffer) => (heard += chunk.toString('latin1')));
    socket.send(...inFragments(16));
    await eventually(
      () => heard,
      (text) => text.includes('"pong"'),
    );
    socket.send(...inFragments(17));
    expect(await socket.closed).toBe(1008);
    cases += 2;
  });

  it('ids are any text: names of properties, long ones; and one that is in use ends its socket', async () => {
    const socket = openSocket(`${server.url}/graphql`);
    await socket.init();
    for (const id of [
      '__proto__',
      'constructor',
      'toString',
      'hasOwnProperty',
      'x'.repeat(60_000),
      '\u0000',
      '"}',
      '☃',
    ]) {
      socket.subscribe(id, SUBSCRIBE);
      await socket.frame('complete', id);
      expect(socket.of(id).map(({ type }) => type)).toEqual(['next', 'complete']);
      cases += 1;
    }
    const roomId = await createRoom(server.url, await createVisitor(server.url));
    socket.subscribe('twice', MESSAGE_ADDED, { roomId });
    socket.subscribe('twice', MESSAGE_ADDED, { roomId });
    expect((await socket.closed()).code).toBe(4409);
    cases += 1;
  });

  it.each([0, 1, 2])(
    'a close reason that quotes the client is cut between characters, from byte %i on',
    async (shift) => {
      const socket = openSocket(`${server.url}/graphql`);
      await socket.init();
      const id = `${'x'.repeat(shift)}${'한'.repeat(100)}`;
      const roomId = await createRoom(server.url, await createVisitor(server.url));
      socket.subscribe(id, MESSAGE_ADDED, { roomId });
      socket.subscribe(id, MESSAGE_ADDED, { roomId });
      const { code, reason } = await socket.closed();
      expect(code).toBe(4409);
      expect(Buffer.byteLength(reason)).toBeLessThanOrEqual(123);
      expect(reason).not.toContain('\uFFFD');
      cases += 1;
    },
  );

  it.each(UPGRADES)('an upgrade with %s is refused with a status', async (_name, path, headers, status) => {
    expect((await refusedUpgrade(Number(new URL(server.url).port), path, headers)).status).toBe(status);
    cases += 1;
  });

  it('an upgrade on a connection is one once all that was asked before is answered, and ends it before', async () => {
    const body = JSON.stringify({ query: 'mutation { createVisitor { token } }' });
    const head = `Host: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}`;
    const asked = `POST /graphql HTTP/1.1\r\n${head}\r\n\r\n${body}`;
    const port = Number(new URL(server.url).port);
    for (const path of ['/graphql', '/nothing']) {
      const ahead = connect(port, '127.0.0.1');
      let received = '';
      ahead.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
      ahead.on('error', () => undefined);
      ahead.write(asked + upgradeRequest({}, path));
      await once(ahead, 'close');
      // What is received is an answer to what was asked first, or nothing.
      expect(received.replace(/^HTTP\/1\.1 200 [^]*createVisitor[^]*$/, '')).toBe('');
    }
    const patient = connect(port, '127.0.0.1');
    let received = '';
    patient.on('data', (chunk: Buffer) => {
      received += chunk.toString('latin1');
      if (received.endsWith('}}')) patient.write(upgradeRequest());
    });
    patient.write(asked);
    await eventually(
      () => received,
      (all) => all.includes('HTTP/1.1 101'),
    );
    patient.destroy();
  });

  it('an upgrade without a subprotocol is refused, and compression is not negotiated', async () => {
    const port = Number(new URL(server.url).port);
    expect(await raw(port, upgradeRequest({ 'Sec-WebSocket-Protocol': null }))).toMatch(/^HTTP\/1\.1 400 /);
    const offered = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', {
      perMessageDeflate: true,
    });
    await new Promise((resolve) => offered.once('open', resolve));
    expect(offered.extensions).toBe('');
    offered.terminate();
    cases += 2;
  });
});

describe('S4 frames beyond the rate', () => {
  const server = useServer('embedded', { RATE_LIMITS: 'on' });

  it.each([
    ['messages', true, () => text('{"type":"ping"}')],
    ['pings', true, () => frame({ opcode: 9 })],
    ['pongs that nobody asked for', false, () => frame({ opcode: 10 })],
  ] as const)('%s, one after the other: 1013', async (_name, answered, make) => {
    const socket = await openRaw(server.url);
    socket.send(INIT);
    for (let sent = 0; sent < 200 && socket.socket.writable; sent += 1) {
      socket.send(make());
      if (answered) await Promise.race([once(socket.socket, 'data'), socket.closed]);
    }
    expect(await socket.closed).toBe(1013);
    cases += 1;
  });

  it('10,000 pings at once, whose pongs nobody reads, end their socket', async () => {
    const socket = await openRaw(server.url);
    socket.send(INIT, Buffer.concat(Array.from({ length: 10_000 }, () => frame({ opcode: 9 }))));
    expect([1013, null]).toContain(await socket.closed);
    cases += 1;
  });

  it('exactly 60 at once are read', async () => {
    const socket = openSocket(`${server.url}/graphql`);
    await socket.init();
    for (let sent = 0; sent < 59; sent += 1) socket.send({ type: 'ping' });
    await eventually(
      () => socket.frames.filter(({ type }) => type === 'pong').length,
      (pongs) => pongs === 59,
    );
    socket.send({ type: 'ping' });
    expect((await socket.closed()).code).toBe(1013);
  });
});
