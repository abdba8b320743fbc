import { once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createHttpServer } from '../../../src/transport/http-server.ts';
import { raw } from '../../testkit/bare-socket.ts';

it('an answer of which nothing is taken is given up', async () => {
  const server = createHttpServer();
  onTestFinished(() => void server.close());
  expect(server.timeout).toBe(60_000);
  // Nobody waits for a minute here.
  server.timeout = 200;
  const answer = Buffer.alloc(50_000_000);
  server.on('request', (_request, response) => response.end(answer));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const accepted = once(server, 'connection');
  const client = connect(port, '127.0.0.1', () => client.pause().write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'));
  client.on('error', () => undefined);
  const [connection] = await accepted;
  await once(connection, 'close');
  let taken = 0;
  client.on('data', (chunk: Buffer) => (taken += chunk.length)).resume();
  await once(client, 'close');
  expect(taken).toBeLessThan(answer.length);
});

it('keeps an idle connection for longer than what stands in front uses it again', () => {
  const server = createHttpServer();
  // nginx takes none that was idle for a minute.
  expect(server.keepAliveTimeout).toBeGreaterThan(60_000);
});

it.each(['', 'Connection: Upgrade\r\nUpgrade: h2c\r\n'])('is no tunnel: CONNECT is cut %j', async (offer) => {
  const server = createHttpServer();
  onTestFinished(() => void server.close());
  const asked = vi.fn();
  server.on('request', asked);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  expect(await raw(port, `CONNECT x:443 HTTP/1.1\r\nHost: x\r\n${offer}\r\n`)).toBe('');
  expect(asked).not.toHaveBeenCalled();
});

describe('a client that goes on after it was refused is cut', () => {
  const POST = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n{';
  const HEADERS = 'GET / HTTP/1.1\r\nHost: x\r\nX-A: b';

  it.each([
    ['a body that drips', 408, POST, true],
    ['headers that drip', 408, HEADERS, true],
    ['what is no HTTP', 400, 'nonsense\r\n\r\n', true],
    [
      'a request that drips behind an answer of which nothing is taken',
      408,
      `GET / HTTP/1.1\r\nHost: x\r\n\r\n${HEADERS}`,
      false,
    ],
  ])('%s: %i', { timeout: 20_000 }, async (_name, status, start, isRead) => {
    const server = createHttpServer();
    onTestFinished(() => void server.close());
    Object.assign(server, { headersTimeout: 100, requestTimeout: 200 });
    server.on('request', (request, response) => {
      if (request.method === 'GET') response.end(Buffer.alloc(50_000_000));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const accepted = once(server, 'connection');
    const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true }, () => client.write(start));
    client.on('error', () => undefined);
    let answer = '';
    if (isRead) client.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
    const drip = setInterval(() => client.write('x'), 50);
    onTestFinished(() => {
      clearInterval(drip);
      client.destroy();
    });
    const [connection] = await accepted;
    await once(connection, 'close');
    expect(answer).toMatch(new RegExp(`^(HTTP/1.1 ${status} .*)?$`, 's'));
  });
});
