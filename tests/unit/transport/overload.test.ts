import { describe, expect, it } from 'vitest';
import { openSocket, refusedUpgrade } from '../../testkit/bare-socket.ts';
import { startServer } from './kit/server.ts';

const post = (url: string, headers: Record<string, string> = {}) =>
  fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: '{"query":"{ hello }"}',
  });

describe('an overloaded server', () => {
  it('refuses new sockets and callers without a token, and says when to come back', async () => {
    const { url, port, base, load, metrics } = await startServer();
    load.retryAfterMs = 2500;
    const upgrade = await refusedUpgrade(port, '/graphql');
    expect([upgrade.status, upgrade.headers['retry-after']]).toEqual([503, '3']);
    for (const answer of [
      await post(url),
      await post(url, { accept: 'text/event-stream' }),
      await fetch(`${url}?query={hello}`),
    ]) {
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '3']);
      expect(await answer.json()).toMatchObject({
        errors: [{ extensions: { code: 'OVERLOADED', retryAfterMs: 2500 } }],
      });
    }
    const ready = await fetch(`${base}/readyz`);
    expect([ready.status, ((await ready.json()) as { status: string }).status]).toEqual([503, 'overloaded']);
    expect((await fetch(`${base}/livez`)).status).toBe(200);
    expect(await metrics.registry.metrics()).toContain('chat_ws_connects_total{result="overload"} 1');
  });

  it('goes on with the conversations that are under way, and takes everybody when it is over', async () => {
    const { url, port, load } = await startServer();
    const socket = openSocket(url);
    await socket.init();
    load.retryAfterMs = 1000;
    socket.subscribe('1', '{ hello }');
    await socket.frame('complete', '1');
    expect((await post(url, { authorization: 'Bearer token-ann' })).status).toBe(200);
    load.retryAfterMs = null;
    expect((await post(url)).status).toBe(200);
    expect((await refusedUpgrade(port, '/graphql')).status).toBe(101);
  });
});
