import { once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { createHttpServer } from '../../../src/transport/http-server.ts';

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
