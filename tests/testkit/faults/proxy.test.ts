import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { startFaultProxy, type FaultProxy } from './proxy.js';

const WAIT = { timeout: 20_000 };
const closers: (() => unknown)[] = [];
/** Ports from which servers were reached, in order. */
const peers: number[] = [];
afterEach(async () => {
  peers.length = 0;
  for (const close of closers.splice(0).reverse()) await close();
});

/** A server that answers each chunk with its name and the chunk. */
async function echo(name: string): Promise<{ host: string; port: number }> {
  const server = createServer((socket) => {
    peers.push(socket.remotePort ?? 0);
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => socket.write(`${name}:${chunk.toString()}`));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => server.close());
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
}

interface Client {
  readonly socket: Socket;
  received(): string;
  isClosed(): boolean;
  error(): string | undefined;
}

function client(proxy: FaultProxy): Client {
  const socket = connect({ host: proxy.host, port: proxy.port });
  let text = '';
  let closed = false;
  let code: string | undefined;
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
  socket.on('error', (error: NodeJS.ErrnoException) => (code = error.code));
  socket.on('close', () => (closed = true));
  closers.push(() => socket.destroy());
  return { socket, received: () => text, isClosed: () => closed, error: () => code };
}

async function proxied(name = 'a', chance?: () => number): Promise<FaultProxy> {
  const proxy = await startFaultProxy(await echo(name), chance);
  closers.push(() => proxy.close());
  return proxy;
}

describe('the fault proxy', () => {
  it('passes bytes both ways when it is healthy', async () => {
    const { socket, received } = client(await proxied());
    socket.write('x');
    await vi.waitFor(() => expect(received()).toBe('a:x'), WAIT);
  });

  it('holds everything while it is a black hole, and lets it pass afterwards', async () => {
    const proxy = await proxied();
    const { socket, received, isClosed } = client(proxy);
    socket.write('1');
    await vi.waitFor(() => expect(received()).toBe('a:1'), WAIT);
    proxy.set({ blackhole: true });
    socket.write('2');
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect([received(), isClosed()]).toEqual(['a:1', false]);
    proxy.heal();
    await vi.waitFor(() => expect(received()).toBe('a:1a:2'), WAIT);
  });

  it('resets old and new connections while it is down', async () => {
    const proxy = await proxied();
    const old = client(proxy);
    old.socket.write('1');
    await vi.waitFor(() => expect(old.received()).toBe('a:1'), WAIT);
    proxy.set({ down: true });
    await vi.waitFor(() => expect(old.error()).toBe('ECONNRESET'), WAIT);
    const fresh = client(proxy);
    await vi.waitFor(() => expect(fresh.isClosed()).toBe(true), WAIT);
  });

  it('ends connections properly when it cuts them', async () => {
    const proxy = await proxied();
    const { socket, received, isClosed, error } = client(proxy);
    socket.write('1');
    await vi.waitFor(() => expect(received()).toBe('a:1'), WAIT);
    proxy.cut();
    await vi.waitFor(() => expect(isClosed()).toBe(true), WAIT);
    expect(error()).toBeUndefined();
    await vi.waitFor(() => expect(proxy.connections()).toBe(0), WAIT);
  });

  it('lets a request through and loses its answer', async () => {
    const proxy = await proxied('a', () => 0);
    proxy.set({ lostAnswers: 0.5 });
    const { socket, received, error } = client(proxy);
    socket.write('1');
    await vi.waitFor(() => expect(error()).toBe('ECONNRESET'), WAIT);
    expect([received(), proxy.lost()]).toEqual(['', 1]);
  });

  it('sends new connections to another target after it was told so', async () => {
    const proxy = await proxied('a');
    proxy.retarget(await echo('b'));
    const { socket, received } = client(proxy);
    socket.write('1');
    await vi.waitFor(() => expect(received()).toBe('b:1'), WAIT);
  });

  it('moves an open connection to another server, and its client notices nothing', async () => {
    const proxy = await proxied('a');
    const { socket, received, isClosed } = client(proxy);
    const other = client(proxy);
    socket.write('1');
    await vi.waitFor(() => expect(received()).toBe('a:1'), WAIT);
    other.socket.write('1');
    await vi.waitFor(() => expect(other.received()).toBe('a:1'), WAIT);
    const [first] = peers;
    proxy.move(new Set([first ?? 0]), await echo('b'));
    socket.write('2');
    other.socket.write('2');
    await vi.waitFor(() => expect([received(), other.received()]).toEqual(['a:1b:2', 'a:1a:2']), WAIT);
    expect([isClosed(), proxy.connections()]).toEqual([false, 2]);
    proxy.cut();
    await vi.waitFor(() => expect([isClosed(), proxy.connections()]).toEqual([true, 0]), WAIT);
  });

  it('slows down to a bandwidth, and lets a little pass at a time', async () => {
    const proxy = await proxied();
    proxy.set({ bandwidth: 1000 });
    const { socket, received } = client(proxy);
    const started = performance.now();
    socket.write('x'.repeat(250));
    await vi.waitFor(() => expect(received().replaceAll('a:', '')).toHaveLength(250), WAIT);
    // One way; the way back begins with the first slice.
    expect(performance.now() - started).toBeGreaterThan(240);
    expect(received().split('a:').length).toBeGreaterThan(2);
  });
});
