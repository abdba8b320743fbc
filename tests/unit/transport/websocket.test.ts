import type { Socket } from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { WebSocket } from 'ws';
import type { Context } from '../../../src/context.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { silentLogger } from '../../../src/lib/logger.ts';
import { openSocket, refusedUpgrade } from '../../testkit/bare-socket.ts';
import { createManualClock } from '../../testkit/manual-clock.ts';
import { startServer } from './kit/server.ts';

const COUNT = 'subscription($after: String) { counted(after: $after) { number } }';
const patient = { timeout: 20_000 };
/** How long a socket that is closed is waited for. */
const CLOSE_TIMEOUT_MS = 3000;
const numbers = (frames: readonly { type: string; payload?: never }[]) =>
  frames
    .filter(({ type }) => type === 'next')
    .map(
      ({ payload }) => (payload as unknown as { data: { counted: { number: number } } }).data.counted.number,
    );

describe('an upgrade', () => {
  it.each<[string, string, Record<string, string>, number]>([
    ['on another path', '/graphql/', {}, 404],
    ['on a path that no URL can hold', '//[', {}, 404],
    ['without our subprotocol', '/graphql', { 'sec-websocket-protocol': 'graphql-ws' }, 400],
    ['from an origin that is not allowed', '/graphql', { origin: 'https://evil.example' }, 403],
    [
      'from an origin that begins like an allowed one',
      '/graphql',
      { origin: 'https://chat.example.evil.example' },
      403,
    ],
    ['from an allowed host by another scheme', '/graphql', { origin: 'http://chat.example' }, 403],
    ['from an empty origin', '/graphql', { origin: '' }, 403],
    ['from two origins', '/graphql', { origin: 'https://chat.example, https://evil.example' }, 403],
    ['from an allowed origin', '/graphql', { origin: 'https://chat.example' }, 101],
    ['without an origin', '/graphql?some=query', {}, 101],
  ])('%s gets its status', async (_name, path, headers, status) => {
    const { port } = await startServer({ allowedOrigins: ['https://chat.example'] });
    expect((await refusedUpgrade(port, path, headers)).status).toBe(status);
  });

  it('does not negotiate compression', async () => {
    const { port } = await startServer();
    const { status, headers } = await refusedUpgrade(port, '/graphql', {
      'sec-websocket-extensions': 'permessage-deflate',
    });
    expect([status, headers['sec-websocket-extensions']]).toEqual([101, undefined]);
  });

  it('is refused above the caps of the instance and of one address, and a place given back is free', async () => {
    const { port, url } = await startServer({ maxSockets: 3, maxSocketsPerAddress: 2, trustProxyHops: 1 });
    const from = (address: string) => ({ headers: { 'x-forwarded-for': address } });
    const first = openSocket(url, from('192.0.2.1'));
    const second = openSocket(url, from('192.0.2.1'));
    await Promise.all([first.opened, second.opened]);
    const again = await refusedUpgrade(port, '/graphql', { 'x-forwarded-for': '192.0.2.1' });
    expect([again.status, again.headers['retry-after']]).toEqual([429, '5']);
    await openSocket(url, from('192.0.2.2')).opened;
    expect((await refusedUpgrade(port, '/graphql', { 'x-forwarded-for': '192.0.2.3' })).status).toBe(503);
    first.ws.close();
    await vi.waitFor(async () => {
      expect((await refusedUpgrade(port, '/graphql', { 'x-forwarded-for': '192.0.2.1' })).status).toBe(101);
    }, patient);
  });

  it('that is refused is one line a second for each reason, with the network it came from', async () => {
    const info = vi.fn();
    const clock = { ...systemClock, monotonic: () => 0 };
    const { port } = await startServer({ log: { ...silentLogger, info }, clock });
    for (const path of ['/elsewhere', '/graphql/', '/graphql']) {
      await refusedUpgrade(port, path, { 'sec-websocket-protocol': 'graphql-ws' });
    }
    const told = info.mock.calls.filter(([, words]) => words === 'An upgrade was refused');
    expect(told.map(([fields]) => fields as object)).toEqual([
      { result: 'path', address: '127.0.0.0/24' },
      { result: 'protocol', address: '127.0.0.0/24' },
    ]);
  });

  it('counts places taken while limits are asked', async () => {
    const { url } = await startServer({ maxSocketsPerAddress: 5 });
    const tried = await Promise.allSettled(Array.from({ length: 20 }, () => openSocket(url).opened));
    expect(tried.filter(({ status }) => status === 'fulfilled')).toHaveLength(5);
  });

  it('is refused at the rate limits with the time to wait', async () => {
    const { port, limits } = await startServer();
    limits.refuse.set('connectPerAddress', 2500);
    const own = await refusedUpgrade(port, '/graphql');
    expect([own.status, own.headers['retry-after']]).toEqual([429, '3']);
    limits.refuse.clear();
    limits.refuse.set('upgradePerInstance', 900);
    const instance = await refusedUpgrade(port, '/graphql');
    expect([instance.status, instance.headers['retry-after']]).toEqual([503, '1']);
  });
});

describe('connection_init', () => {
  it('without a token makes a visitor and hands out its token', async () => {
    const { url } = await startServer();
    const ack = await openSocket(url).init();
    expect(ack).toMatchObject({ token: 'token-new-1', visitor: { displayName: 'Name of new-1' } });
    expect(new Date(ack['expiresAt']!).getTime()).toBeGreaterThan(Date.now());
  });

  it.each<[string, unknown]>([
    ['token', { token: 'token-ann' }],
    ['a token in another case', { Token: 'token-ann' }],
    ['Authorization', { Authorization: 'Bearer token-ann' }],
    ['authorization in another case', { AUTHORIZATION: 'bearer token-ann' }],
    ['the same token twice', { token: 'token-ann', authorization: 'Bearer token-ann' }],
    ['a token beside a null', { token: null, authorization: 'Bearer token-ann' }],
  ])('with %s is that visitor', async (_name, payload) => {
    const { url } = await startServer();
    expect(await openSocket(url).init(payload)).toMatchObject({
      token: 'token-ann',
      visitor: { displayName: 'Name of ann' },
    });
  });

  it('VISITOR-5: gives a renewed token once half of the life of the old one is over', async () => {
    const { url, visitors } = await startServer();
    visitors.renew = true;
    expect(await openSocket(url).init({ token: 'token-ann' })).toMatchObject({ token: 'token-ann-again' });
  });

  it.each<[string, unknown]>([
    ['an invalid token', { token: 'nonsense' }],
    ['an empty token', { token: '' }],
    ['a token that is no text', { token: 7 }],
    ['two different tokens', { token: 'token-ann', Authorization: 'Bearer token-bob' }],
    ['an Authorization that is no bearer token', { Authorization: 'Basic eDp5' }],
  ])('with %s is refused with 4403', async (_name, payload) => {
    const { url } = await startServer();
    const socket = openSocket(url);
    await socket.opened;
    socket.send({ type: 'connection_init', payload });
    expect((await socket.closed()).code).toBe(4403);
  });

  it('above the limit of new visitors is refused with 1013', async () => {
    const { url, visitors } = await startServer();
    visitors.refuseNew = true;
    const socket = openSocket(url);
    await socket.opened;
    socket.send({ type: 'connection_init' });
    expect((await socket.closed()).code).toBe(1013);
  });

  it('by a host that identifies its callers acknowledges the visitor alone', async () => {
    const { url } = await startServer({ identify: () => ({ subject: 'ann' }) });
    expect(Object.keys(await openSocket(url).init())).toEqual(['visitor']);
  });

  it('does not come: 4408', async () => {
    const clock = createManualClock();
    const { url } = await startServer({ clock });
    const socket = openSocket(url);
    await socket.opened;
    await clock.advance(2999);
    expect(socket.ws.readyState).toBe(WebSocket.OPEN);
    await clock.advance(1);
    expect((await socket.closed()).code).toBe(4408);
  });
});

describe('a token that ends', () => {
  it('closes its socket with 4403', async () => {
    const { url, visitors } = await startServer();
    visitors.expiresInMs = 300;
    const socket = openSocket(url);
    await socket.init({ token: 'token-ann' });
    expect((await socket.closed()).code).toBe(4403);
  });

  it('VISITOR-5: is moved by a token that is issued over the socket', async () => {
    const ENDS_IN_MS = 20_000;
    let passedMs = 0;
    const ends = new Set<() => void>();
    const server = await startServer({
      clock: {
        ...systemClock,
        now: () => Date.now() + passedMs,
        after(ms, run) {
          // Shorter than the other waits of a socket with a token, longer than those of its rounds.
          if (ms <= ENDS_IN_MS / 2 || ms > ENDS_IN_MS) return systemClock.after(ms, run);
          ends.add(run);
          return () => void ends.delete(run);
        },
      },
    });
    server.visitors.expiresInMs = ENDS_IN_MS;
    const mutation = server.schema.getMutationType()!.getFields()['add']!;
    mutation.resolve = (_root, _args, context: Pick<Context, 'tokenIssued'>) => {
      context.tokenIssued({ expiresAt: new Date(Date.now() + 1e9), inForce: () => true });
      return 1;
    };
    const end = (): void => {
      passedMs = ENDS_IN_MS;
      for (const run of ends) run();
    };
    const socket = openSocket(server.url);
    await socket.init({ token: 'token-ann' });
    expect(ends.size).toBe(1);
    socket.subscribe('1', 'mutation { add }');
    await socket.frame('complete', '1');
    end();
    socket.subscribe('2', '{ hello }');
    await socket.frame('complete', '2');
    expect(socket.ws.readyState).toBe(socket.ws.OPEN);
  });
});

describe('abuse', () => {
  it.each<[string, (socket: ReturnType<typeof openSocket>) => void, number]>([
    ['a frame that is no JSON', (s) => s.send('{"type":'), 4400],
    ['an array', (s) => s.send('[]'), 4400],
    ['null', (s) => s.send('null'), 4400],
    ['an unknown type', (s) => s.send({ type: 'start', id: '1' }), 4400],
    ['a frame of the server: next', (s) => s.send({ type: 'next', id: '1', payload: {} }), 4400],
    [
      'a frame of the server: error',
      (s) => s.send({ type: 'error', id: '1', payload: [{ message: 'x' }] }),
      4400,
    ],
    ['a frame of the server: connection_ack', (s) => s.send({ type: 'connection_ack' }), 4400],
    ['subscribe without an id', (s) => s.send({ type: 'subscribe', payload: { query: '{ hello }' } }), 4400],
    ['subscribe without a query', (s) => s.send({ type: 'subscribe', id: '1', payload: {} }), 4400],
    ['a binary frame', (s) => s.ws.send(Buffer.from('{"type":"ping"}')), 4400],
    [
      'a ping too deep to be answered',
      (s) => s.send(`{"type":"ping","payload":{"x":${'['.repeat(30_000)}${']'.repeat(30_000)}}}`),
      4400,
    ],
    ['a second init', (s) => s.send({ type: 'connection_init' }), 4429],
    ['a frame above 64 KiB', (s) => s.send({ type: 'ping', payload: { x: 'x'.repeat(70_000) } }), 1009],
    [
      'the same id twice, a long one',
      (s) => {
        s.subscribe('x'.repeat(500), COUNT);
        s.subscribe('x'.repeat(500), COUNT);
      },
      4409,
    ],
    [
      'more fragments than 16',
      (s) => {
        for (let i = 0; i < 40; i += 1) s.ws.send('x', { fin: false });
      },
      1008,
    ],
  ])(
    '%s closes that socket with the right code, which is counted, and no other',
    async (_name, abuse, code) => {
      const { url, source, metrics } = await startServer();
      const neighbour = openSocket(url);
      await neighbour.init();
      neighbour.subscribe('n', COUNT);
      const socket = openSocket(url);
      await socket.init();
      abuse(socket);
      expect((await socket.closed()).code).toBe(code);
      // Of the sockets that broke a rule of frames ws tells 1006: it does not read their answer.
      await vi.waitFor(async () => {
        const counted = await metrics.registry.getSingleMetricAsString('chat_ws_closes_total');
        expect(counted.match(/\{code="\d+"\} [1-9]/g)).toEqual([`{code="${code}"} 1`]);
      }, patient);
      source.append();
      await neighbour.frame('next', 'n');
    },
  );

  it('a subscription before the acknowledgement: 4401', async () => {
    const { url } = await startServer();
    const socket = openSocket(url);
    await socket.opened;
    socket.subscribe('1', COUNT);
    expect((await socket.closed()).code).toBe(4401);
  });

  it('ids that are names of object properties are ids like others', async () => {
    const { url } = await startServer();
    const socket = openSocket(url);
    await socket.init();
    for (const id of ['__proto__', 'toString', 'constructor', '"\\', 'é☃']) {
      socket.subscribe(id, '{ hello }');
      await socket.frame('complete', id);
      expect(socket.of(id)[0]).toEqual({ id, type: 'next', payload: { data: { hello: 'hello you' } } });
    }
  });

  it('too many frames: 1013, pings too', async () => {
    const { url, limits } = await startServer();
    const socket = openSocket(url);
    const pinging = openSocket(url);
    await Promise.all([socket.init(), pinging.init()]);
    limits.framesPerSocket = { points: 3, seconds: 3600 };
    for (let sent = 0; sent < 10; sent += 1) {
      socket.send({ type: 'ping' });
      pinging.ws.ping();
    }
    expect((await socket.closed()).code).toBe(1013);
    expect((await pinging.closed()).code).toBe(1013);
    expect(socket.frames.filter(({ type }) => type === 'pong').length).toBeLessThanOrEqual(3);
  });

  it.each([
    ['too many frames', 0x9, 1013],
    ['a frame that is no message', 0x2, 4400],
  ])('what follows %s is not read', patient, async (_name, opcode, code) => {
    const info = vi.fn();
    const { url, limits } = await startServer({ log: { ...silentLogger, info } });
    const socket = openSocket(url);
    await socket.init();
    limits.framesPerSocket = { points: 3, seconds: 3600 };
    const sent = 10_000_000;
    // Empty frames under a mask of zeros: six bytes each.
    const frames = Buffer.alloc(sent, Buffer.from([0x80 | opcode, 0x80, 0, 0, 0, 0]));
    const { _socket: stream } = socket.ws as unknown as { _socket: Socket };
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    stream.write(frames);
    // In so many turns all of it would be read.
    for (let turn = 0; turn < 1000; turn += 1) await new Promise(setImmediate);
    vi.advanceTimersByTime(CLOSE_TIMEOUT_MS);
    const ended = () => info.mock.calls.find(([, message]) => message === 'A socket ended')?.[0];
    await vi.waitFor(() => expect(ended()).toBeDefined(), patient);
    expect(ended()).toMatchObject({ code });
    expect(ended().bytesIn).toBeLessThan(sent / 10);
    expect((await socket.closed()).code).toBe(code);
  });
});

describe('an operation on a socket', () => {
  it.each<[string, string, string]>([
    ['syntax', '{ hello', 'GRAPHQL_PARSE_FAILED'],
    ['an unknown field', '{ nope }', 'GRAPHQL_VALIDATION_FAILED'],
    ['a limit of the parser', `{ ${'hello '.repeat(400)} }`, 'OPERATION_TOO_COMPLEX'],
    [
      'a limit that throws',
      `{ ${Array.from({ length: 20 }, (_, i) => `a${i}: hello`).join(' ')} }`,
      'OPERATION_TOO_COMPLEX',
    ],
    ['a variable', 'query($v: Int!) { needs(value: $v) }', 'BAD_USER_INPUT'],
    ['its room', 'subscription { counted(room: "none") { number } }', 'ROOM_NOT_FOUND'],
    ['its cursor', 'subscription { counted(after: "nonsense") { number } }', 'BAD_CURSOR'],
  ])('refused for %s is an error of that operation, and the others go on', async (_name, query, code) => {
    const { url, source } = await startServer();
    const socket = openSocket(url);
    await socket.init();
    socket.subscribe('live', COUNT);
    socket.subscribe('bad', query);
    const { payload } = await socket.frame('error', 'bad');
    expect(payload).toMatchObject([{ extensions: { code } }]);
    source.append();
    await socket.frame('next', 'live');
    expect(socket.of('bad').map(({ type }) => type)).toEqual(['error']);
    socket.subscribe('bad', '{ hello }');
    await socket.frame('complete', 'bad');
  });

  it('is one too many above the cap, until another ends', async () => {
    const { url } = await startServer({ maxOperationsPerSocket: 3 });
    const socket = openSocket(url);
    await socket.init();
    for (const id of ['1', '2', '3', '4']) socket.subscribe(id, COUNT);
    const { payload } = await socket.frame('error', '4');
    expect(payload).toMatchObject([{ extensions: { code: 'TOO_MANY_OPERATIONS' } }]);
    socket.send({ type: 'complete', id: '2' });
    socket.subscribe('5', '{ hello }');
    await socket.frame('complete', '5');
  });

  it('counts against the cap only what came before it, also when all of them come at once', async () => {
    const { url } = await startServer({ maxOperationsPerSocket: 3 });
    const socket = openSocket(url);
    await socket.init();
    socket.subscribe('1', COUNT);
    socket.subscribe('first', '{ hello }');
    await socket.frame('complete', 'first');
    for (const id of ['2', '3', '4', '5']) socket.subscribe(id, COUNT);
    await Promise.all([socket.frame('error', '4'), socket.frame('error', '5')]);
    expect(socket.frames.flatMap(({ type, id }) => (type === 'error' ? [id] : []))).toEqual(['4', '5']);
  });

  it('may come after a long silence, in which only a subscription was open: nothing is different', async () => {
    const { url, source, calls } = await startServer();
    const socket = openSocket(url);
    await socket.init({ token: 'token-ann' });
    socket.subscribe('live', COUNT);
    await vi.waitFor(() => expect(calls.joins).toEqual(['ann']), patient);
    socket.subscribe('q', '{ hello }');
    await socket.frame('complete', 'q');
    socket.send({ type: 'ping', payload: { at: 1 } });
    expect((await socket.frame('pong')).payload).toEqual({ at: 1 });
    socket.send({ type: 'complete', id: 'live' });
    socket.subscribe('live', COUNT);
    await vi.waitFor(() => expect(calls.joins).toEqual(['ann', 'ann']), patient);
    source.append();
    await socket.frame('next', 'live');
    socket.subscribe('live', COUNT);
    expect((await socket.closed()).code).toBe(4409);
    expect(socket.frames.filter(({ type }) => type === 'connection_ack')).toHaveLength(1);
    await vi.waitFor(() => expect(calls.leaves).toEqual(['ann', 'ann']), patient);
  });

  it('does not make a second init good', async () => {
    const { url, calls } = await startServer();
    const socket = openSocket(url);
    await socket.init();
    socket.subscribe('live', COUNT);
    await vi.waitFor(() => expect(calls.joins).toHaveLength(1), patient);
    socket.send({ type: 'connection_init' });
    expect((await socket.closed()).code).toBe(4429);
  });

  it('answers queries and mutations with their result and complete', async () => {
    const { url } = await startServer();
    const socket = openSocket(url);
    await socket.init();
    socket.subscribe('q', '{ hello boom }');
    socket.subscribe('m', 'mutation { add }');
    await Promise.all([socket.frame('complete', 'q'), socket.frame('complete', 'm')]);
    expect(socket.of('q')[0]?.payload).toMatchObject({
      data: { hello: 'hello you', boom: null },
      errors: [{ path: ['boom'], extensions: { code: 'INTERNAL_SERVER_ERROR' } }],
    });
    expect(socket.of('m').map(({ type }) => type)).toEqual(['next', 'complete']);
  });

  it('delivers each event once, after the cursor that it names, also beside others on the same socket', async () => {
    const { url, source, calls } = await startServer();
    source.append(5);
    const socket = openSocket(url);
    await socket.init();
    socket.subscribe('a', COUNT, { after: '2' });
    socket.subscribe('b', COUNT);
    await socket.frame('next', 'a');
    await vi.waitFor(() => expect(calls.joins).toHaveLength(2), patient);
    source.append(3);
    await vi.waitFor(() => {
      expect(numbers(socket.of('a'))).toEqual([3, 4, 5, 6, 7, 8]);
      expect(numbers(socket.of('b'))).toEqual([6, 7, 8]);
    }, patient);
  });

  it.each<[string, (socket: ReturnType<typeof openSocket>) => void]>([
    ['its client completes it', (s) => s.send({ type: 'complete', id: '1' })],
    ['its socket is closed', (s) => s.ws.close()],
    ['its socket dies', (s) => s.ws.terminate()],
  ])('is counted out once when %s', async (_name, end) => {
    const { url, calls, source } = await startServer();
    const socket = openSocket(url);
    await socket.init({ token: 'token-ann' });
    socket.subscribe('1', COUNT);
    await vi.waitFor(() => expect(calls.joins).toEqual(['ann']), patient);
    end(socket);
    await vi.waitFor(() => expect(calls.leaves).toEqual(['ann']), patient);
    await vi.waitFor(() => expect(source.state.closed).toBe(1), patient);
    expect(calls.leaves).toEqual(['ann']);
    expect(socket.of('1').filter(({ type }) => type === 'complete')).toEqual([]);
  });

  it('ends with an error of its own when its cursor is gone', async () => {
    const { url, calls, source } = await startServer();
    const socket = openSocket(url);
    await socket.init({ token: 'token-ann' });
    socket.subscribe('1', COUNT);
    await vi.waitFor(() => expect(calls.joins).toEqual(['ann']), patient);
    source.state.expired = true;
    source.append();
    const { payload } = await socket.frame('error', '1');
    expect(payload).toMatchObject([{ extensions: { code: 'CURSOR_EXPIRED' } }]);
    expect(calls.leaves).toEqual(['ann']);
    socket.subscribe('2', '{ hello }');
    await socket.frame('complete', '2');
    expect(socket.of('1').map(({ type }) => type)).toEqual(['error']);
  });

  it('of a socket that does not read costs one write, and goes on exactly when it reads again', async () => {
    const { url, source, calls } = await startServer({ ring: 100_000 });
    const query = 'subscription($t: String) { counted { number echo(text: $t) } }';
    const socket = openSocket(url);
    await socket.init();
    socket.subscribe('1', query, { t: 'x'.repeat(4000) });
    await vi.waitFor(() => expect(calls.joins).toHaveLength(1), patient);
    socket.ws.pause();
    const before = process.memoryUsage().rss;
    for (let i = 0; i < 60; i += 1) {
      source.append(200);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(calls.executions).toBeLessThan(12_000);
    expect(process.memoryUsage().rss - before).toBeLessThan(100_000_000);
    socket.ws.resume();
    await vi.waitFor(() => expect(numbers(socket.of('1')).at(-1)).toBe(12_000), { timeout: 40_000 });
    expect(numbers(socket.of('1'))).toEqual(Array.from({ length: 12_000 }, (_, i) => i + 1));
  }, 90_000);

  it('of a socket that does not keep up leaves its pings their answer: clients end one that stays silent', async () => {
    const { url, source, calls, metrics } = await startServer();
    const bytes = async () => (await metrics.wsOutboundBytes.get()).values[0]?.value ?? 0;
    const pongs = async () =>
      (await metrics.wsFramesIn.get()).values.find(({ labels }) => labels.type === 'pong')?.value;
    const socket = openSocket(url);
    await socket.init();
    socket.subscribe('1', 'subscription($t: String) { counted { echo(text: $t) } }', {
      t: 'x'.repeat(40_000),
    });
    await vi.waitFor(() => expect(calls.joins).toHaveLength(1), patient);
    socket.ws.pause();
    source.append(1000);
    let before = -1;
    await vi.waitFor(
      async () => {
        const now = await bytes();
        const isFull = now > 0 && now === before;
        before = now;
        expect(isFull).toBe(true);
      },
      { timeout: 20_000, interval: 500 },
    );
    const answers: string[] = [];
    socket.ws.on('pong', (data) => answers.push(data.toString()));
    for (const text of ['first', 'last']) socket.ws.ping(text);
    // Read behind them.
    socket.send({ type: 'pong' });
    await vi.waitFor(async () => expect(await pongs()).toBe(1), patient);
    socket.ws.resume();
    await vi.waitFor(() => expect(answers).toContain('last'), patient);
  }, 90_000);

  it('of a socket that did not read is over when the socket ends', async () => {
    const { url, metrics } = await startServer();
    const active = async () => (await metrics.wsOperationsActive.get()).values[0]?.value;
    const socket = openSocket(url);
    await socket.init();
    socket.ws.pause();
    let sent = 0;
    await vi.waitFor(
      async () => {
        for (let more = 0; more < 10; more += 1) {
          sent += 1;
          socket.subscribe(String(sent), 'query($n: String!) { hello(name: $n) }', { n: 'x'.repeat(60_000) });
        }
        expect(await active()).toBeGreaterThanOrEqual(40);
      },
      { timeout: 40_000, interval: 100 },
    );
    socket.ws.terminate();
    await vi.waitFor(async () => expect(await active()).toBe(0), patient);
  }, 90_000);
});
