import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { expect, it, onTestFinished, vi } from 'vitest';
import { answerWhileStarting } from '../../../src/transport/starting-server.ts';
import { freePort } from '../../testkit/free-port.ts';
import { createManualClock } from '../../testkit/manual-clock.ts';

const PATIENCE_MS = 2000;
const patient = { timeout: 20_000 };

async function begin() {
  const clock = createManualClock();
  const port = await freePort();
  const giveBack = answerWhileStarting({
    host: '127.0.0.1',
    port,
    basePath: '/chat',
    allowedOrigins: ['https://page.example'],
    clock,
  });
  onTestFinished(giveBack);
  const base = `http://127.0.0.1:${port}`;
  return {
    clock,
    port,
    giveBack,
    ask: (path: string, init: RequestInit = {}) => fetch(`${base}${path}`, init),
    /** Whether something listens on the port. */
    isOpen: () => fetch(base).then(Boolean, () => false),
  };
}

it('answers below the base path of the server: it lives, is not ready, and puts off all else', async () => {
  const { clock, ask, isOpen } = await begin();
  await clock.advance(PATIENCE_MS);
  await vi.waitFor(async () => expect(await isOpen()).toBe(true), patient);
  const live = await ask('/chat/livez');
  expect([live.status, await live.text()]).toEqual([200, '{"status":"live"}\n']);
  const ready = await ask('/chat/readyz');
  expect([ready.status, await ready.json()]).toEqual([503, { status: 'starting', store: 'unavailable' }]);
  expect(Object.fromEntries(ready.headers)).toMatchObject({
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  const origin = { origin: 'https://page.example' };
  for (const path of ['/livez', '/chat/graphql', '/chat/client']) {
    const answer = await ask(path, { method: 'POST', headers: origin });
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await answer.json()).toMatchObject({ errors: [{ extensions: { code: 'UNAVAILABLE' } }] });
    expect(answer.headers.get('access-control-allow-origin')).toBe('https://page.example');
    expect((await ask(path, { method: 'OPTIONS', headers: origin })).status).toBe(204);
  }
});

it('leaves the port closed while the start takes no longer than others, and after it for good', async () => {
  const { clock, giveBack, isOpen } = await begin();
  await clock.advance(PATIENCE_MS - 1);
  expect(await isOpen()).toBe(false);
  await giveBack();
  await clock.advance(10 * PATIENCE_MS);
  expect(await isOpen()).toBe(false);
});

it('gives the port back at once, also from who is in the middle of a request, and twice is fine', async () => {
  const { clock, port, giveBack, isOpen } = await begin();
  await clock.advance(PATIENCE_MS);
  await vi.waitFor(async () => expect(await isOpen()).toBe(true), patient);
  const client = connect(port, '127.0.0.1');
  client.on('error', () => undefined);
  client.write('POST /chat/graphql HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n');
  await once(client, 'data');
  await Promise.all([giveBack(), giveBack(), once(client, 'close')]);
  const server = createServer().listen(port, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
});

it('leaves a port that another has to be told by the server itself', async () => {
  const { clock, port, giveBack } = await begin();
  const other = createServer().listen(port, '127.0.0.1');
  onTestFinished(() => void other.close());
  await once(other, 'listening');
  await clock.advance(PATIENCE_MS);
  await giveBack();
  expect(other.listening).toBe(true);
});
