import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { connect, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../api/world.ts';
import { type Foundation, foundation, GENEROUS, testKeys } from '../testkit/foundation.ts';
import { freePort } from '../testkit/free-port.ts';
import { ask, request } from '../testkit/graphql-client.ts';
import { createRoom, createVisitor, MESSAGE_ADDED, sendMessage } from '../testkit/seed.ts';
import { type ServerChild, spawnServer, startServerChild } from '../testkit/server-child.ts';
import { startMongo, startRedis } from '../testkit/services/index.ts';
import { openSocket } from '../testkit/bare-socket.ts';
import { residentMb } from './support/process.ts';
import { frame, openRaw } from './support/raw-socket.ts';
import { LONG } from './support/scale.ts';
import { report } from './support/table.ts';

interface Probe {
  readonly status: number;
  readonly body: Readonly<Record<string, string>>;
}

async function probe(url: string, path: string): Promise<Probe> {
  const response = await fetch(`${url}${path}`, { signal: AbortSignal.timeout(10_000) });
  return { status: response.status, body: (await response.json()) as Probe['body'] };
}

async function start(name: Foundation, env: Readonly<Record<string, string>> = {}): Promise<ServerChild> {
  const ground = await foundation(name);
  onTestFinished(() => ground.dispose());
  const server = await startServerChild({ env: { ...ground.env, ...env } });
  onTestFinished(async () => {
    if (server.isRunning()) await server.kill();
  });
  return server;
}

let states = 0;
report('O1', () => ({ tried: states, of: 'states of /livez and /readyz', result: 'as documented' }));

describe('O1 health', () => {
  it('lives always; is ready without Redis, and not without MongoDB', async () => {
    const [mongo, redis] = await Promise.all([startMongo(), startRedis()]);
    onTestFinished(async () => {
      await Promise.all([mongo.close(), redis.close()]);
    });
    const { url } = await start('distributed', { MONGODB_URL: mongo.url('health'), REDIS_URL: redis.url });
    const live = async () => expect((await probe(url(), '/livez')).status).toBe(200);
    const until = (holds: (answer: Probe) => boolean) => eventually(() => probe(url(), '/readyz'), holds);
    expect(await probe(url(), '/readyz')).toEqual({
      status: 200,
      body: { status: 'ready', store: 'ok', redis: 'ok' },
    });
    await redis.kill();
    const degraded = await until(({ body }) => body['redis'] === 'degraded');
    expect(degraded).toEqual({ status: 200, body: { status: 'ready', store: 'ok', redis: 'degraded' } });
    await live();
    await mongo.pause();
    const away = await until(({ status }) => status === 503);
    expect(away.body).toEqual({ status: 'unavailable', store: 'unavailable', redis: 'degraded' });
    await live();
    // What goes wrong meanwhile is told without a word of the driver.
    const refused = await request(
      url(),
      '{ room(id: "Um9vbTowMWEyMTc2OC00NTkxLTcyNTktOTJhOS1kMzNiZGNlZTNkZWU") { name } }',
    );
    expect(refused.errors[0]?.extensions?.code).toBe('UNAVAILABLE');
    expect(JSON.stringify(refused)).not.toMatch(/mongo|timed out|abort|\bat \//i);
    await mongo.resume();
    await redis.start();
    await until(({ status, body }) => status === 200 && body['redis'] === 'ok');
    states += 6;
  });

  it('lives while it waits for MongoDB at its start, and is not ready', async () => {
    const mongo = await startMongo();
    onTestFinished(() => mongo.close());
    await mongo.kill();
    const port = await freePort();
    const server = await spawnServer({
      env: { ...GENEROUS, AUTH_KEYS: testKeys(), MONGODB_URL: mongo.url('start'), PORT: String(port) },
    });
    onTestFinished(async () => {
      if (server.isRunning()) await server.kill();
    });
    const url = `http://127.0.0.1:${port}`;
    const early = (path: string) => probe(url, path).catch(() => null);
    await eventually(
      () => early('/livez'),
      (answer) => answer?.status === 200,
    );
    expect(await probe(url, '/readyz')).toMatchObject({ status: 503, body: { status: 'starting' } });
    const refused = await request(url, '{ viewer { id } }');
    expect(refused.status).toBe(503);
    expect(refused.errors[0]?.extensions).toMatchObject({ code: 'UNAVAILABLE', retryAfterMs: 1000 });
    // The page of another origin is told so too: without a preflight it would see a broken network.
    for (const [method, status] of [
      ['OPTIONS', 204],
      ['POST', 503],
    ] as const) {
      const headers = { origin: 'https://page.example', 'access-control-request-headers': 'authorization' };
      const answer = await fetch(`${url}/graphql`, { method, headers });
      expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([status, '*']);
      expect(answer.headers.get('access-control-allow-headers')).toBe(
        method === 'OPTIONS' ? 'authorization' : null,
      );
    }
    await mongo.start();
    await eventually(
      () => early('/readyz'),
      (answer) => answer?.status === 200,
    );
    states += 2;
  });

  it('is not ready while it drains, and serves on until its delay is over', async () => {
    const server = await start('embedded', { DRAIN_DELAY_MS: '3000' });
    const ended = server.stop();
    await eventually(
      () => probe(server.url(), '/readyz'),
      ({ status, body }) => status === 503 && body['status'] === 'draining',
    );
    expect((await probe(server.url(), '/livez')).status).toBe(200);
    expect((await request(server.url(), '{ __typename }')).status).toBe(200);
    expect(await ended).toEqual({ code: 0, signal: null });
    states += 2;
  });
});

const TEN_MINUTES_MS = 600_000;

let abuses = 0;
let peak = 0;
let abusedSeconds = 0;
report('O3', () => ({
  tried: abuses,
  of: `rounds of abuse in ${abusedSeconds.toFixed(0)} s with a heap of 256 MB`,
  result: `no crash; memory at most ${peak.toFixed(0)} MB`,
}));

describe('O3 a small heap', () => {
  it('is enough for a server that is abused', async () => {
    const server = await start('embedded', { NODE_OPTIONS: '--max-old-space-size=256' });
    const url = server.url();
    const visitor = await createVisitor(url);
    const roomId = await createRoom(url, visitor);
    const large = 'x'.repeat(60_000);
    const began = performance.now();
    const abuse = (round: number): (() => void) => {
      const port = Number(new URL(url).port);
      // S4, S7: frames that are none, frames that are too large, headers that stop.
      const raw = Array.from({ length: 5 }, async (_, at) => {
        const socket = await openRaw(url);
        socket.send(
          at % 2 === 0 ? randomBytes(2000) : frame({ opcode: 1, payload: Buffer.alloc(2_000_000) }),
        );
        return socket.closed;
      });
      const slow = Array.from({ length: 10 }, () => {
        const made = connect(port, '127.0.0.1', () => made.write('GET /livez HTTP/1.1\r\nX-A: '));
        made.on('error', () => undefined);
        return made;
      });
      // S6, S8: visitors, rooms, and documents that are all different and all refused.
      const calls = Array.from({ length: 20 }, (_, at) => {
        const fields = Array.from({ length: 120 }, (_, field) => `a${round}x${at}x${field}: rom${field}`);
        return request(
          url,
          at % 4 === 0 ? 'mutation { createVisitor { token } }' : `{ ${fields.join(' ')} }`,
        );
      });
      void Promise.allSettled([...raw, ...calls]);
      return () => {
        for (const each of slow) each.destroy();
      };
    };
    const goesOn = (round: number) => (LONG ? performance.now() - began < TEN_MINUTES_MS : round < 10);
    for (let round = 0; goesOn(round); round += 1) {
      const endAbuse = abuse(round);
      const stalled = Array.from({ length: 10 }, () => openSocket(`${url}/graphql`));
      await Promise.all(stalled.map((socket) => socket.init()));
      for (const socket of stalled) {
        for (let id = 0; id < 60; id += 1) socket.subscribe(String(id), MESSAGE_ADDED, { roomId });
        socket.ws.pause();
      }
      await Promise.all(
        Array.from({ length: 20 }, (_, at) =>
          at % 2 === 0
            ? request(url, `query Q${round}x${at}($i: ID!) { room(id: $i) { id } }`, { i: large })
            : sendMessage(url, visitor, { roomId, text: '한'.repeat(2000) }),
        ),
      );
      peak = Math.max(peak, residentMb(server.pid()));
      for (const socket of stalled) socket.ws.terminate();
      endAbuse();
      abuses += 1;
    }
    abusedSeconds = (performance.now() - began) / 1000;
    expect(server.isRunning()).toBe(true);
    const { room } = await ask<{ room: { messages: { totalCount: number } } }>(
      url,
      `{ room(id: "${roomId}") { messages(last: 1) { totalCount } } }`,
    );
    expect(room.messages.totalCount).toBe(abuses * 10);
    expect(server.output()).not.toMatch(/"level":"error"|heap out of memory/);
  });
});

let connects = 0;
report('O4', () => ({
  tried: connects,
  of: 'connections beyond the open files',
  result: 'conversations go on; told once per second; recovers alone',
}));

describe('O4 no file descriptor left', () => {
  it('ends nobody who is connected, and is over when others leave', async () => {
    const server = await start('embedded');
    const url = server.url();
    const visitor = await createVisitor(url);
    const roomId = await createRoom(url, visitor);
    const socket = openSocket(`${url}/graphql`);
    await socket.init({ token: visitor.token });
    socket.subscribe('live', MESSAGE_ADDED, { roomId });
    const open = readdirSync(`/proc/${server.pid()}/fd`).length;
    const limited = spawnSync('prlimit', [
      '--pid',
      String(server.pid()),
      `--nofile=${open + 10}:${open + 10}`,
    ]);
    expect(limited.status).toBe(0);
    const greedy: Socket[] = Array.from({ length: 60 }, () => {
      const made = connect(Number(new URL(url).port), '127.0.0.1');
      made.on('error', () => undefined);
      return made;
    });
    await eventually(
      () => readdirSync(`/proc/${server.pid()}/fd`).length,
      (count) => count >= open + 9,
    );
    const send = 'mutation ($i: SendMessageInput!) { sendMessage(input: $i) { message { number } } }';
    const told = () => server.output().split('no file descriptor is left').length - 1;
    const exhaustedAt = performance.now();
    await eventually(told, (times) => times >= 2);
    // Once per second, however many connections there are.
    expect(told()).toBeLessThanOrEqual((performance.now() - exhaustedAt) / 1000 + 2);
    socket.subscribe('send', send, { i: { roomId, text: 'still here' } });
    await socket.frame('next', 'send');
    await socket.frame('next', 'live');
    for (const each of greedy) each.destroy();
    await eventually(
      () =>
        probe(url, '/livez').then(
          ({ status }) => status,
          () => 0,
        ),
      (status) => status === 200,
    );
    expect(server.output()).not.toMatch(/uncaught|unhandled/);
    connects = greedy.length;
  });

  it('leaves no GraphiQL that cannot be had any more: who asked first was refused, who asks then is not', async () => {
    const server = await start('embedded');
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    onTestFinished(() => agent.destroy());
    const statusOf = (path: string): Promise<number | string> =>
      new Promise((resolve) => {
        get(`${server.url()}${path}`, { agent, headers: { accept: 'text/html' } }, (response) => {
          response.resume().once('end', () => resolve(response.statusCode ?? 0));
        }).once('error', ({ message }) => resolve(message));
      });
    const limitTo = (files: number): void => {
      const { status } = spawnSync('prlimit', ['--pid', String(server.pid()), `--nofile=${files}:4096`]);
      expect(status).toBe(0);
    };
    // Connected before, since nobody else can be then.
    expect(await statusOf('/livez')).toBe(200);
    limitTo(8);
    expect(await statusOf('/graphql')).toBe('socket hang up');
    limitTo(4096);
    expect(await statusOf('/graphql')).toBe(200);
  });
});

let series = 0;
report('O5', () => ({
  tried: series,
  of: 'series after some traffic',
  result: 'no id, token or address among the labels',
}));

describe('O5 metrics of a server that was used', () => {
  it('hold no identifier, and their number does not grow with use', async () => {
    const server = await start('distributed', { METRICS_PORT: '0', TRUST_PROXY_HOPS: '1' });
    const url = server.url();
    const metricsUrl = /metrics (http:\/\/[^\s,]+)/.exec(server.output())?.[1] ?? '';
    const read = async () => (await fetch(metricsUrl)).text();
    const secrets: string[] = [];
    async function use(): Promise<void> {
      const headers = { 'x-forwarded-for': '203.0.113.77' };
      const visitor = await createVisitor(url, { headers });
      const roomId = await createRoom(url, visitor);
      const socket = openSocket(`${url}/graphql`, { headers });
      await socket.init({ token: visitor.token });
      socket.subscribe('s', MESSAGE_ADDED, { roomId });
      await sendMessage(url, visitor, { roomId, text: 'x' }, { headers });
      await request(url, `{ nope${secrets.length} }`);
      await request(url, '{ viewer { id } }', {}, { token: 'bad' });
      socket.ws.close(4000);
      await socket.closed();
      secrets.push(
        visitor.id,
        visitor.token,
        roomId,
        Buffer.from(roomId, 'base64url').toString().slice('Room:'.length),
        '203.0.113',
      );
    }
    const names = (text: string) =>
      text
        .split('\n')
        .filter((line) => line.startsWith('chat_'))
        .map((line) => line.replace(/ \S+$/, ''));
    await use();
    const first = names(await read());
    for (let times = 0; times < 10; times += 1) await use();
    const text = await read();
    expect(names(text)).toEqual(first);
    expect(secrets.filter((secret) => text.includes(secret))).toEqual([]);
    expect(text).toMatch(/chat_mongo_command_seconds_count\{command="insert",result="ok"\} [1-9]/);
    expect(text).toMatch(/chat_auth_failures_total\{reason="\w+"\} 11/);
    const perName = new Map<string, number>();
    for (const line of first) {
      const name = line.replace(/\{.*/, '');
      perName.set(name, (perName.get(name) ?? 0) + 1);
    }
    expect(Math.max(...perName.values())).toBeLessThanOrEqual(1000);
    series = first.length;
  });
});

let stops = 0;
report('O6', () => ({
  tried: stops,
  of: 'ways to be stopped',
  result: 'exit 0, also twice, while starting and with Redis hung; 1 after a defect',
}));

describe('O6 being stopped', () => {
  it('by SIGTERM twice: the second one does not wait for the window', async () => {
    const server = await start('embedded', { DRAIN_DELAY_MS: '60000', DRAIN_WINDOW_MS: '60000' });
    const socket = openSocket(`${server.url()}/graphql`);
    await socket.init();
    const ended = server.stop();
    await eventually(
      () => server.output(),
      (output) => output.includes('"stopping"'),
    );
    process.kill(server.pid(), 'SIGTERM');
    expect(await ended).toEqual({ code: 0, signal: null });
    expect((await socket.closed()).code).toBe(1012);
    stops += 1;
  });

  // Without a short form: it takes its twenty seconds.
  if (LONG) {
    it('by SIGTERM with a delay and a window that no orchestrator would wait for', async () => {
      const server = await start('embedded', { DRAIN_DELAY_MS: '8000', DRAIN_WINDOW_MS: '120000' });
      const sockets = Array.from({ length: 20 }, () => openSocket(`${server.url()}/graphql`));
      for (const socket of sockets) await socket.init();
      const began = performance.now();
      expect(await server.stop()).toEqual({ code: 0, signal: null });
      expect(performance.now() - began).toBeLessThanOrEqual(25_000);
      for (const socket of sockets) expect((await socket.closed()).code).toBe(1012);
      stops += 1;
    });
  }

  it('by SIGINT: at once, whatever its drain is set to', async () => {
    const server = await start('embedded', { DRAIN_DELAY_MS: '60000', DRAIN_WINDOW_MS: '60000' });
    const socket = openSocket(`${server.url()}/graphql`);
    await socket.init();
    expect(await server.stop('SIGINT')).toEqual({ code: 0, signal: null });
    expect((await socket.closed()).code).toBe(1012);
    stops += 1;
  });

  it('by SIGTERM or by SIGINT while it waits for MongoDB', async () => {
    const ground = await foundation('distributed');
    onTestFinished(() => ground.dispose());
    await Promise.all(
      (['SIGTERM', 'SIGINT'] as const).map(async (signal) => {
        const env = { ...ground.env, MONGODB_URL: 'mongodb://127.0.0.1:1/none' };
        const server = await spawnServer({ env });
        await eventually(
          () => server.output(),
          (output) => output.includes('waiting for MongoDB'),
        );
        expect(await server.stop(signal)).toEqual({ code: 0, signal: null });
        stops += 1;
      }),
    );
  });

  it.each([
    ['a rejection that nobody handles', 'Promise.reject(new Error("broken"))'],
    ['an exception that nobody catches', 'setImmediate(() => { throw new Error("broken") })'],
  ])('by %s: in order, told, and with exit code 1', async (_name, fault) => {
    const faulty = encodeURIComponent(`process.on('SIGUSR2', () => { ${fault} });`);
    const server = await start('embedded', { NODE_OPTIONS: `--import=data:text/javascript,${faulty}` });
    const socket = openSocket(`${server.url()}/graphql`);
    await socket.init();
    expect(await server.stop('SIGUSR2')).toEqual({ code: 1, signal: null });
    expect((await socket.closed()).code).toBe(1012);
    expect(server.output()).toMatch(/"level":"error".*broken/);
    stops += 1;
  });

  it("not by one operation's error that nobody is left to be told", async () => {
    const fault = `Promise.reject(Object.assign(new Error('untold'), { name: 'GraphQLError' }))`;
    const faulty = encodeURIComponent(`process.on('SIGUSR2', () => { ${fault} });`);
    const server = await start('embedded', { NODE_OPTIONS: `--import=data:text/javascript,${faulty}` });
    process.kill(server.pid(), 'SIGUSR2');
    await eventually(
      () => server.output(),
      (output) => /"level":"error".*untold/.test(output),
    );
    expect((await probe(server.url(), '/readyz')).status).toBe(200);
    stops += 1;
  });

  it('by SIGTERM while Redis hangs', async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.close());
    const server = await start('distributed', { REDIS_URL: redis.url });
    const socket = openSocket(`${server.url()}/graphql`);
    await socket.init();
    await redis.pause();
    expect(await server.stop()).toEqual({ code: 0, signal: null });
    expect((await socket.closed()).code).toBe(1012);
    stops += 1;
  });
});

let refusals = 0;
report('O7', () => ({
  tried: refusals,
  of: 'wrong settings',
  result: 'refused with exit 1; the words name the setting and show no secret',
}));

describe('O7 a setting that is wrong', () => {
  const SECRET = 'c2VjcmV0LXNlY3JldC1zZWNyZXQ';
  const MONGO = { MONGODB_URL: 'mongodb://127.0.0.1:1/none' };

  it('ends the start with words that name it, all of them at once, and shows no secret', async () => {
    const wrong: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
      ['DATA_DIR', { DATA_DIR: '/dev/null' }],
      ['AUTH_KEYS', MONGO],
      ['AUTH_KEYS', { AUTH_KEYS: `a:${'A'.repeat(43)}:${SECRET}` }],
      ['REDIS_URL', { ...MONGO, AUTH_KEYS: `a:${'A'.repeat(43)}`, REDIS_URL: ',' }],
      ['AUTH_KEYS', { AUTH_KEYS: `short:${SECRET.slice(0, 12)}` }],
      ['AUTH_KEYS', { AUTH_KEYS: SECRET }],
      ['AUTH_KEYS_FILE', { ...MONGO, AUTH_KEYS_FILE: '/nowhere/keys' }],
      ['ALLOWED_ORIGINS', { ALLOWED_ORIGINS: 'example.com' }],
      ['ALLOWED_ORIGINS', { ALLOWED_ORIGINS: 'https://example.com/path' }],
      ['REDIS_URL', { REDIS_URL: `redis://:${SECRET}@127.0.0.1:1` }],
      ['MONGODB_URL', { MONGODB_URL: `http://${SECRET}@x`, AUTH_KEYS: `a:${'A'.repeat(43)}` }],
      ['TRUST_PROXY_HOPS', { TRUST_PROXY_HOPS: '-1' }],
      ['RATE_LIMITS', { RATE_LIMITS: 'some' }],
      ['RATE_LIMITS', { RATE_LIMITS: '1e999' }],
      ['MAX_SOCKETS', { MAX_SOCKETS: '0' }],
      ['MAX_MESSAGE_LENGTH', { MAX_MESSAGE_LENGTH: '4001' }],
      ['API_PROFILE', { API_PROFILE: 'open' }],
      ['TOKEN_LIFETIME_SECONDS', { TOKEN_LIFETIME_SECONDS: '0' }],
      ['LOG_LEVEL', { LOG_LEVEL: 'loud' }],
      ['PORT', { PORT: '70000' }],
      ['METRICS_PORT', { METRICS_PORT: 'x' }],
      ['BASE_PATH', { BASE_PATH: 'chat' }],
      ['BASE_PATH', { BASE_PATH: '/chat/..' }],
    ];
    const ground = await foundation('embedded');
    onTestFinished(() => ground.dispose());
    const refused = async ([name, env]: (typeof wrong)[number]) => {
      const server = await spawnServer({ env: { ...ground.env, ...env } });
      expect([name, await server.exited()]).toEqual([name, { code: 1, signal: null }]);
      expect(server.output()).toContain(name);
      expect(server.output()).not.toContain(SECRET.slice(0, 12));
      expect(server.output()).not.toMatch(/\n\s+at /);
      refusals += 1;
    };
    for (let from = 0; from < wrong.length; from += 4) {
      await Promise.all(wrong.slice(from, from + 4).map(refused));
    }
    const several = Object.assign({}, ...wrong.slice(11).map(([, env]) => env)) as Record<string, string>;
    const server = await spawnServer({ env: { ...ground.env, ...several } });
    await server.exited();
    expect(Object.keys(several).filter((name) => !server.output().includes(name))).toEqual([]);
    refusals += 1;
  });
});
