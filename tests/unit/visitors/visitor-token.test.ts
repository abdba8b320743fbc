import { SignJWT, UnsecuredJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import type { AuthKey } from '../../../src/config.js';
import { systemClock } from '../../../src/lib/clock.js';
import { createVisitorTokens, idFromSubject, idOfSubject } from '../../../src/visitors/visitor-token.js';

const key = (kid: string, byte: number): AuthKey => ({ kid, secret: new Uint8Array(32).fill(byte) });
const NOW_MS = Date.UTC(2026, 0, 31);
const NOW_S = NOW_MS / 1000;

function makeTokens(keys: AuthKey[] = [key('a', 1)]) {
  let now = NOW_MS;
  const tokens = createVisitorTokens({
    keys: () => keys,
    clock: { ...systemClock, now: () => now },
    lifetimeSeconds: 100,
  });
  return { tokens, advance: (ms: number) => (now += ms) };
}

/** A token that differs from a good one in one thing. */
function forged(
  change: { alg?: string; kid?: string; secret?: Uint8Array; claims?: Record<string, unknown> } = {},
) {
  const { alg = 'HS256', kid = 'a', secret = key('a', 1).secret, claims = {} } = change;
  const payload = { iss: 'madang', aud: 'madang', sub: 'someone', iat: NOW_S, exp: NOW_S + 100, ...claims };
  return new SignJWT(payload).setProtectedHeader({ alg, kid }).sign(secret);
}

describe('visitor tokens', () => {
  it('verify as the visitor they were signed for, until they expire', async () => {
    const { tokens, advance } = makeTokens();
    const { token, expiresAt } = await tokens.sign('someone');
    expect(expiresAt).toEqual(new Date(NOW_MS + 100_000));
    await expect(tokens.verify(token)).resolves.toMatchObject({ subject: 'someone', expiresAt });
    advance(99_999);
    await expect(tokens.verify(token)).resolves.toMatchObject({ subject: 'someone' });
    advance(1);
    await expect(tokens.verify(token)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  it('stay good while keys rotate, until their key is gone', async () => {
    const keys = [key('old', 1)];
    const { tokens } = makeTokens(keys);
    const { token } = await tokens.sign('someone');
    keys.unshift(key('new', 2));
    await expect(tokens.verify(token)).resolves.toMatchObject({ subject: 'someone' });
    keys.pop();
    await expect(tokens.verify(token)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  it('know whether their key is still one of ours, also when the keys were read again', async () => {
    const keys = [key('old', 1)];
    const { tokens } = makeTokens(keys);
    const { token, inForce } = await tokens.sign('someone');
    const verified = await tokens.verify(token);
    const both = () => [inForce(), verified.inForce()];
    expect(both()).toEqual([true, true]);
    keys.splice(0, 1, key('new', 2), key('old', 1));
    expect(both()).toEqual([true, true]);
    keys.pop();
    expect(both()).toEqual([false, false]);
    // The name alone does not do.
    keys.push(key('old', 3));
    expect(both()).toEqual([false, false]);
  });

  it('are accepted when made by the documented recipe', async () => {
    await expect(makeTokens().tokens.verify(await forged())).resolves.toMatchObject({ subject: 'someone' });
  });

  it.each([
    ['an unknown kid', () => forged({ kid: 'b' })],
    ['another secret', () => forged({ secret: key('a', 2).secret })],
    ['another algorithm', () => forged({ alg: 'HS512', secret: new Uint8Array(64).fill(1) })],
    ['no algorithm', async () => new UnsecuredJWT({ sub: 'someone' }).encode()],
    ['another issuer', () => forged({ claims: { iss: 'other' } })],
    ['another audience', () => forged({ claims: { aud: 'other' } })],
    ['no subject', () => forged({ claims: { sub: undefined } })],
    ['an empty subject', () => forged({ claims: { sub: '' } })],
    ['a subject that is no text', () => forged({ claims: { sub: 7 } })],
    ['no expiry', () => forged({ claims: { exp: undefined } })],
    ['no time of issue', () => forged({ claims: { iat: undefined } })],
    ['an expiry in the past', () => forged({ claims: { exp: NOW_S } })],
    ['a beginning in the future', () => forged({ claims: { nbf: NOW_S + 10 } })],
    ['no text at all', async () => ''],
    ['garbage', async () => 'a.b.c'],
    ['ten thousand characters', async () => 'a'.repeat(10_000)],
    ['its signature cut off', async () => (await forged()).split('.').slice(0, 2).join('.') + '.'],
    [
      'an edited payload',
      async () =>
        (await forged()).replace(/\.[^.]+\./, `.${Buffer.from('{"sub":"other"}').toString('base64url')}.`),
    ],
  ])('are refused with %s', async (_what, make) => {
    await expect(makeTokens().tokens.verify(await make())).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });
});

describe('idFromSubject', () => {
  it('gives each subject one id for ever', () => {
    expect(idFromSubject('alice')).toBe(idFromSubject('alice'));
    expect(idFromSubject('alice')).not.toBe(idFromSubject('bob'));
    expect(idFromSubject('alice')).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
  });
});

describe('idOfSubject', () => {
  it.each(['01890000-0000-7000-8000-000000000001', 'ann', 'auth0|42', 'ann@example.org', '한국'])(
    'is the subject where that may be an id: %s',
    (subject) => expect(idOfSubject(subject)).toBe(subject),
  );

  it.each(['Jane Doe', ' ', 'a:b', 'a\nb', 'a\u00a0b', '\0', '\ud800', 'x'.repeat(129)])(
    'is made from another one: %j',
    (subject) => expect(idOfSubject(subject)).toBe(idFromSubject(subject)),
  );
});
