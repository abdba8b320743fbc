import { request } from 'node:http';
import { describe, expect, it } from 'vitest';
import { useServer } from '../api/world.ts';
import { refusedUpgrade } from '../testkit/bare-socket.ts';
import { report } from './support/table.ts';

const ALLOWED = ['https://chat.example.com', 'http://localhost:3000'];

/** Origin and whether it is let in; null is no header at all. */
const ORIGINS: readonly (readonly [origin: string | null, allowed: boolean])[] = [
  ['https://chat.example.com', true],
  ['http://localhost:3000', true],
  [null, true],
  ['https://other.example', false],
  ['null', false],
  ['', false],
  ['http://chat.example.com', false],
  ['https://chat.example.com:443', false],
  ['https://chat.example.com:8443', false],
  ['https://chat.example.com.evil.com', false],
  ['https://evil-chat.example.com', false],
  ['https://evilchat.example.com', false],
  ['https://sub.chat.example.com', false],
  ['https://example.com', false],
  ['https://CHAT.example.com', false],
  ['https://chat.example.com/', false],
  ['https://chat.example.com@evil.com', false],
  ['https://chat.example.com, https://evil.com', false],
  ['https://chat.example.com https://evil.com', false],
  ['http://localhost', false],
  ['http://127.0.0.1:3000', false],
  ['file://', false],
  ['*', false],
  ['https://chat.example.com%00.evil.com', false],
];

let tried = 0;
report('S11', () => ({ tried, of: 'origins x upgrade, request, preflight', result: 'exact match only' }));

/** The header that lets a page read the answer, or null. */
function allowOrigin(url: string, method: string, origin: string | null): Promise<string | null> {
  const { port } = new URL(url);
  const headers = {
    'content-type': 'application/json',
    ...(origin === null ? {} : { origin }),
    ...(method === 'OPTIONS'
      ? { 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' }
      : {}),
  };
  return new Promise((resolve, reject) => {
    const sent = request({ port, host: '127.0.0.1', path: '/graphql', method, headers }, (response) => {
      response.resume();
      expect(response.headers['access-control-allow-credentials']).toBeUndefined();
      resolve(response.headers['access-control-allow-origin'] ?? null);
    });
    sent.on('error', reject);
    sent.end(method === 'POST' ? '{"query":"{ __typename }"}' : undefined);
  });
}

describe('S11 origins', () => {
  const listed = useServer('embedded', { ALLOWED_ORIGINS: ALLOWED.join(',') });
  const open = useServer('embedded');

  it('are let in by an exact match alone, on upgrades and for pages that read answers', async () => {
    const results = [];
    for (const [origin] of ORIGINS) {
      const { status } = await refusedUpgrade(
        Number(new URL(listed.url).port),
        '/graphql',
        origin === null ? {} : { origin },
      );
      const readable = [
        await allowOrigin(listed.url, 'POST', origin),
        await allowOrigin(listed.url, 'OPTIONS', origin),
      ];
      results.push({ origin, status, readable });
      tried += 1;
    }
    expect(results).toEqual(
      ORIGINS.map(([origin, allowed]) => ({
        origin,
        status: allowed ? 101 : 403,
        readable: allowed ? [origin, origin] : [null, null],
      })),
    );
  });

  it('all of them, when all may, without credentials; none that is empty or several', async () => {
    const port = Number(new URL(open.url).port);
    for (const [origin] of ORIGINS) {
      const several = origin !== null && (origin === '' || /[, ]/.test(origin));
      const { status } = await refusedUpgrade(port, '/graphql', origin === null ? {} : { origin });
      expect({ origin, status }).toEqual({ origin, status: several ? 403 : 101 });
      const expected = origin === null || several ? null : '*';
      expect({ origin, allow: await allowOrigin(open.url, 'POST', origin) }).toEqual({
        origin,
        allow: expected,
      });
      tried += 1;
    }
  });
});
