import { once } from 'node:events';
import { Agent, createServer, request, type IncomingMessage } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { systemClock, type Clock } from '../../../src/lib/clock.ts';
import { silentLogger } from '../../../src/lib/logger.ts';
import { openSocket, refusedUpgrade } from '../../testkit/bare-socket.ts';
import { startServer } from './kit/server.ts';

const COUNT = 'subscription { counted { number } }';
const patient = { timeout: 20_000 };
/** How long a drain waits for those who are left. */
const LAST_WAIT_MS = 5000;
/** The same when everything ends at once. */
const HASTY_WAIT_MS = 500;
/** How long it waits for the mutations of a socket. */
const MUTATION_WAIT_MS = 1000;
/** More than come in any pause of these tests. */
const ENDLESS = 2000;
const json = { 'content-type': 'application/json' };

/** A server whose mutation `add` runs until the test ends it. */
async function withMutation(options: Parameters<typeof startServer>[0] = {}) {
  const server = await startServer(options);
  let finish: (value: number) => void = () => undefined;
  const running = new Promise<number>((resolve) => (finish = resolve));
  const begun = new Promise<void>((resolve) => {
    server.schema.getMutationType()!.getFields()['add']!.resolve = () => {
      resolve();
      return running;
    };
  });
  return { ...server, mutation: { begun, finish } };
}

describe('a drain', () => {
  it('FOLLOW-1: without delay and window ends all sockets with 1012 at once, without completing a subscription', async () => {
    const { url, transport, calls } = await startServer();
    const sockets = Array.from({ length: 5 }, () => openSocket(url));
    for (const socket of sockets) {
      await socket.init();
      socket.subscribe('1', COUNT);
    }
    await vi.waitFor(() => expect(calls.joins).toHaveLength(5), patient);
    await transport.drain({ delayMs: 0, windowMs: 0 });
    expect(calls.leaves).toHaveLength(5);
    for (const socket of sockets) {
      expect((await socket.closed()).code).toBe(1012);
      expect(socket.of('1')).toEqual([]);
    }
    await expect(fetch(url)).rejects.toThrow('fetch failed');
  });

  it('says first that the server is not ready, and goes on as usual for the delay', async () => {
    const delayMs = 7000;
    let endDelay: () => void = () => undefined;
    const after: Clock['after'] = (ms, run) => {
      if (ms !== delayMs) return systemClock.after(ms, run);
      endDelay = run;
      return () => undefined;
    };
    const { url, base, transport } = await startServer({ clock: { ...systemClock, after } });
    const drained = transport.drain({ delayMs, windowMs: 0 });
    expect((await fetch(`${base}/readyz`)).status).toBe(503);
    expect((await fetch(`${base}/livez`)).status).toBe(200);
    const late = openSocket(url);
    await late.init();
    endDelay();
    await drained;
    expect((await late.closed()).code).toBe(1012);
  });

  it('closes sockets one after the other over the window', async () => {
    const server = await startServer();
    const sockets = Array.from({ length: 6 }, () => openSocket(server.url));
    for (const socket of sockets) await socket.init();
    const closings: number[] = [];
    for (const socket of sockets) socket.ws.once('close', () => closings.push(performance.now()));
    const startedAt = performance.now();
    await server.transport.drain({ delayMs: 0, windowMs: 600 });
    await vi.waitFor(() => expect(closings).toHaveLength(6), patient);
    const order = closings.map((at) => at - startedAt);
    for (const [index, at] of order.entries()) expect(at).toBeGreaterThanOrEqual(100 * index - 5);
  });

  it('refuses with 503 also who came in before and whose rate is still asked for', async () => {
    const { port, limits, transport } = await startServer();
    let asked = 0;
    let answer: (wait: null) => void = () => undefined;
    const rate = new Promise<null>((resolve) => (answer = resolve));
    limits.refuse.get = () => {
      asked += 1;
      return rate as never;
    };
    const upgrade = refusedUpgrade(port, '/graphql');
    await vi.waitFor(() => expect(asked).toBe(1), patient);
    const drained = transport.drain({ delayMs: 0, windowMs: 1 });
    answer(null);
    expect((await upgrade).status).toBe(503);
    await drained;
  });

  it('waits for the mutations of a socket before it closes it, and only then for the end of what is left', async () => {
    const pauses: number[] = [];
    const after: Clock['after'] = (ms, run) => {
      pauses.push(ms);
      return systemClock.after(ms, run);
    };
    const { url, transport, mutation } = await withMutation({ clock: { ...systemClock, after } });
    const socket = openSocket(url);
    await socket.init();
    socket.subscribe('1', 'mutation { add }');
    await mutation.begun;
    const drained = transport.drain({ delayMs: 0, windowMs: 0 });
    await vi.waitFor(() => expect(pauses).toContain(MUTATION_WAIT_MS), patient);
    await new Promise(setImmediate);
    expect(pauses).not.toContain(HASTY_WAIT_MS);
    mutation.finish(7);
    await drained;
    expect((await socket.closed()).code).toBe(1012);
    expect(socket.of('1')[0]?.payload).toEqual({ data: { add: 7 } });
  });

  it('lets a mutation end whose client would also accept events', async () => {
    const { url, transport, mutation } = await withMutation();
    const answer = fetch(url, {
      method: 'POST',
      headers: { ...json, accept: 'application/json, text/event-stream' },
      body: JSON.stringify({ query: 'mutation { add }' }),
    });
    await mutation.begun;
    const drained = transport.drain({ delayMs: 0, windowMs: 1 });
    await vi.waitFor(() => expect(transport.server.listening).toBe(false), patient);
    mutation.finish(7);
    expect(await (await answer).json()).toEqual({ data: { add: 7 } });
    await drained;
  });

  it('FOLLOW-1: cuts event streams without an event of completion, before what is left', async () => {
    const after: Clock['after'] = (ms, run) =>
      ms >= LAST_WAIT_MS ? () => undefined : systemClock.after(ms, run);
    const { url, transport, calls, source } = await startServer({ clock: { ...systemClock, after } });
    const response = await fetch(url, {
      method: 'POST',
      headers: { ...json, accept: 'text/event-stream' },
      body: JSON.stringify({ query: COUNT }),
    });
    await vi.waitFor(() => expect(calls.joins).toHaveLength(1), patient);
    source.append();
    let told = '';
    let drained: Promise<void> | undefined;
    const read = (async () => {
      for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
        told += new TextDecoder().decode(chunk);
        if (told.includes('"number":1')) drained ??= transport.drain({ delayMs: 0, windowMs: 1 });
      }
    })();
    await expect(read).rejects.toThrow('terminated');
    expect(told).not.toContain('complete');
    await vi.waitFor(() => expect(calls.leaves).toHaveLength(1), patient);
    await drained;
  });

  it('answers all who were connected and not accepted yet, and resets none', async () => {
    const { port, transport } = await startServer();
    const sockets = Array.from({ length: 40 }, () => connect(port, '127.0.0.1'));
    const answers = sockets.map((socket) => {
      socket.write('GET /livez HTTP/1.1\r\nHost: here\r\n\r\n');
      return text(socket);
    });
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    await transport.drain({ delayMs: 0, windowMs: 1 });
    for (const answer of await Promise.all(answers)) expect(answer).toMatch(/^HTTP\/1.1 200 /);
  });

  it.each([
    ['for a while', 0],
    ['no longer once it is called a second time', 1e9],
  ])('accepts those who come without a pause %s', patient, async (_name, pauseMs) => {
    // Every pause of the drain takes so long.
    const after: Clock['after'] = (_ms, run) => systemClock.after(pauseMs, run);
    const { transport } = await startServer({ clock: { ...systemClock, after } });
    let came = 0;
    const come = (): void => {
      if (!transport.server.listening) return;
      transport.server.emit('connection', new PassThrough());
      came += 1;
      if (came < ENDLESS) setImmediate(come);
    };
    come();
    const drained = transport.drain({ delayMs: 0, windowMs: 0 });
    if (pauseMs > 0) void transport.drain({ delayMs: 0, windowMs: 0 });
    await vi.waitFor(() => expect(transport.server.listening).toBe(false), patient);
    await drained;
    expect(came).toBeLessThan(ENDLESS / 4);
  });

  it('does not wait for connections that have asked nothing', async () => {
    const after: Clock['after'] = (ms, run) =>
      ms >= LAST_WAIT_MS ? () => undefined : systemClock.after(ms, run);
    const { port, transport } = await startServer({ clock: { ...systemClock, after } });
    const accepted = once(transport.server, 'connection');
    const silent = connect(port, '127.0.0.1');
    silent.resume();
    const ended = once(silent, 'close');
    await accepted;
    await expect(transport.drain({ delayMs: 0, windowMs: 1 })).resolves.toBeUndefined();
    await ended;
  });

  it('answers a request of which a part has come', async () => {
    const { port, transport } = await startServer();
    const accepted = once(transport.server, 'connection') as Promise<[Socket]>;
    const asking = connect(port, '127.0.0.1');
    const answer = text(asking);
    const [socket] = await accepted;
    asking.write('GET /livez HTTP/1.1\r\n');
    await vi.waitFor(() => expect(socket.bytesRead).toBeGreaterThan(0), patient);
    const drained = transport.drain({ delayMs: 0, windowMs: 1 });
    await vi.waitFor(() => expect(transport.server.listening).toBe(false), patient);
    asking.write('Host: x\r\n\r\n');
    expect(await answer).toContain('HTTP/1.1 200');
    await drained;
  });

  it('tells of no event stream when all of them were cut', async () => {
    const told: unknown[] = [];
    const log = { ...silentLogger, info: (facts: object, stage: string) => void told.push([stage, facts]) };
    const { url, transport, calls } = await startServer({ log });
    const response = await fetch(url, {
      method: 'POST',
      headers: { ...json, accept: 'text/event-stream' },
      body: JSON.stringify({ query: COUNT }),
    });
    const read = response.text();
    await vi.waitFor(() => expect(calls.joins).toHaveLength(1), patient);
    const drained = transport.drain({ delayMs: 0, windowMs: 1 });
    await expect(read).rejects.toThrow('terminated');
    await drained;
    expect(told.at(-2)).toEqual([
      'drain: nobody new is let in, connections are sent away',
      expect.objectContaining({ streams: 1 }),
    ]);
    expect(told.at(-1)).toEqual(['drain: over', expect.objectContaining({ streams: 0 })]);
  });

  it("leaves a host's server as it is", async () => {
    const host = createServer();
    const { transport } = await startServer({ server: host });
    await new Promise<void>((resolve) => host.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void host.close());
    const { keepAliveTimeout } = host;
    await transport.drain({ delayMs: 0, windowMs: 0 });
    expect([host.listening, host.keepAliveTimeout]).toEqual([true, keepAliveTimeout]);
  });

  it('lets no event stream in once it lets in no socket', async () => {
    const host = createServer();
    const { transport, calls } = await startServer({ server: host });
    await new Promise<void>((resolve) => host.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void host.close());
    const { port } = host.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}/graphql`;
    const sockets = [openSocket(url), openSocket(url)];
    for (const socket of sockets) await socket.init();
    void transport.drain({ delayMs: 0, windowMs: 600_000 });
    await vi.waitFor(async () => {
      expect((await refusedUpgrade(port, '/graphql')).status).toBe(503);
    }, patient);
    const response = await fetch(url, {
      method: 'POST',
      headers: { ...json, accept: 'text/event-stream' },
      body: JSON.stringify({ query: COUNT }),
    });
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await response.text()).toContain('"code":"OVERLOADED","retryAfterMs":1000');
    expect(response.headers.get('connection')).toBe('close');
    expect(calls.joins).toEqual([]);
  });

  it('ends with the last answer, on a connection that its client would keep', async () => {
    const clock = {
      ...systemClock,
      after: (ms: number, callback: () => void) =>
        ms < LAST_WAIT_MS ? systemClock.after(ms, callback) : () => undefined,
    };
    const { port, transport, schema } = await startServer({ clock });
    const begun: unknown[] = [];
    let finish: (value: string) => void = () => undefined;
    const running = new Promise<string>((resolve) => (finish = resolve));
    schema.getQueryType()!.getFields()['hello']!.resolve = () => {
      begun.push(1);
      return running;
    };
    const agent = new Agent({ keepAlive: true });
    onTestFinished(() => agent.destroy());
    const post = { method: 'POST', path: '/graphql', headers: json };
    const get = { path: '/graphql?query=%7Bhello%7D' };
    const answers = [post, get].map(async (options) => {
      const asked = request({ port, agent, ...options }).end(options === post ? '{"query":"{hello}"}' : '');
      const [answer] = (await once(asked, 'response')) as [IncomingMessage];
      return [answer.headers.connection, await text(answer)];
    });
    await vi.waitFor(() => expect(begun).toHaveLength(2), patient);
    const drained = transport.drain({ delayMs: 0, windowMs: 1 });
    await vi.waitFor(() => expect(transport.server.listening).toBe(false), patient);
    finish('you');
    const body = '{"data":{"hello":"you"}}';
    expect(await Promise.all(answers)).toEqual([
      ['close', body],
      ['keep-alive', body],
    ]);
    await drained;
  });

  it('called a second time ends everything now, also those that do not answer', async () => {
    const { url, port, transport } = await startServer();
    const socket = openSocket(url);
    await socket.init();
    socket.ws.pause();
    const drained = transport.drain({ delayMs: 600_000, windowMs: 600_000 });
    expect((await refusedUpgrade(port, '/graphql')).status).toBe(101);
    await transport.drain({ delayMs: 0, windowMs: 0 });
    await drained;
  });

  it('ends with a dead client soon', async () => {
    const { url, transport } = await startServer();
    const socket = openSocket(url);
    await socket.init();
    socket.ws.pause();
    await expect(transport.drain({ delayMs: 0, windowMs: 0 })).resolves.toBeUndefined();
  });
});
