import { expect, it, vi } from 'vitest';
import { systemClock } from '../../../src/lib/clock.ts';
import { startServer } from './kit/server.ts';

it('of whoever sends too many documents that are refused none is read for as long as they are told, of others all', async () => {
  let now = 0;
  const clock = { ...systemClock, monotonic: () => now };
  const { limits, operations, url } = await startServer({ clock });
  const read = vi.spyOn(operations, 'prepare');
  /** What the caller with this token, or without one, is told of its document. */
  const ask = async (query: string, token: string | null): Promise<unknown> => {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify({ query }),
    });
    const { data, errors } = (await response.json()) as {
      data?: unknown;
      errors?: { extensions: unknown }[];
    };
    return errors?.[0]?.extensions ?? data;
  };
  const hello = { hello: expect.any(String) };
  const tooMany = (retryAfterMs: number) => expect.objectContaining({ code: 'RATE_LIMITED', retryAfterMs });
  for (const [one, other] of [
    ['token-ann', null],
    [null, 'token-ben'],
  ] as const) {
    now = 0;
    read.mockClear();
    expect(await ask('{ nope }', one)).toMatchObject({ code: 'GRAPHQL_VALIDATION_FAILED' });
    limits.refuse.set('refusedPerCaller', 2500);
    expect(await ask('{ nope }', one)).toEqual(tooMany(2500));
    limits.refuse.clear();
    now = 999.5;
    expect(await ask('{ hello }', one)).toEqual(tooMany(1501));
    expect(read).toHaveBeenCalledTimes(2);
    expect(await ask('{ hello }', other)).toEqual(hello);
    now = 2500;
    expect(await ask('{ hello }', one)).toEqual(hello);
  }
});
