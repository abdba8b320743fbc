import { serverAudits } from 'graphql-http';
import { describe, expect, it } from 'vitest';
import { useServer } from '../api/world.ts';
import { report } from './support/table.ts';

let passed = 0;
let tried = 0;
report('S2', () => ({ tried, of: 'audits of GraphQL over HTTP', result: `${passed} passed` }));

describe('S2 the audits of GraphQL over HTTP', () => {
  const server = useServer('embedded');

  it('pass, sent as a careful client sends: with the header against forged requests', async () => {
    const fetchFn: typeof fetch = (url, init) => {
      const headers = new Headers(init?.headers);
      headers.set('x-graphql-yoga-csrf', '1');
      return fetch(url, { ...init, headers });
    };
    const all = serverAudits({ url: `${server.url}/graphql`, fetchFn });
    const results = await Promise.all(all.map(({ fn }) => fn()));
    passed = results.filter(({ status }) => status === 'ok').length;
    tried = all.length;
    expect(results.filter(({ status }) => status !== 'ok').map(({ id, name }) => `${id} ${name}`)).toEqual(
      [],
    );
    expect(tried).toBe(61);
  });
});
