import { createHash, webcrypto } from 'node:crypto';
import { decodeProtectedHeader, jwtVerify, SignJWT } from 'jose';
import { LRUCache } from 'lru-cache';
import type { AuthKey } from '../config.js';
import { MS_PER_SECOND, type Clock } from '../lib/clock.js';
import { CodedError } from '../lib/coded-error.js';

const ISSUER = 'madang';
const AUDIENCE = 'madang';
const ALGORITHM = 'HS256';
const REQUIRED_CLAIMS = ['iss', 'aud', 'sub', 'iat', 'exp'];
/** Ours have about 300 characters; a longer one is not worth parsing. */
const MAX_TOKEN_LENGTH = 4096;
/** Those who speak now; checking a signature costs more than the rest of a small request. */
const MAX_REMEMBERED_TOKENS = 5000;

/** For how long a token holds. */
export interface TokenTerm {
  readonly expiresAt: Date;
  /** Whether the key that signed it is still one of ours; not once that was taken out. One function for each key. */
  readonly inForce: () => boolean;
}

/** What a valid token says. */
export interface TokenClaims extends TokenTerm {
  readonly subject: string;
  readonly issuedAt: Date;
}

export interface IssuedToken extends TokenTerm {
  readonly token: string;
}

export type VisitorTokens = ReturnType<typeof createVisitorTokens>;

/**
 * Signs and verifies the tokens that prove to be a visitor: compact JWS, HS256, as docs/SPEC.md describes.
 *
 * @param keys - asked at each use, so that keys can rotate: the first signs, all verify.
 */
export function createVisitorTokens({
  keys,
  clock,
  lifetimeSeconds,
}: {
  keys: () => readonly AuthKey[];
  clock: Clock;
  lifetimeSeconds: number;
}) {
  /** Tokens whose signature was right, under the key that it was checked with. */
  const verified = new LRUCache<string, { readonly key: AuthKey; readonly claims: TokenClaims }>({
    max: MAX_REMEMBERED_TOKENS,
  });
  const imported = new WeakMap<AuthKey, Promise<webcrypto.CryptoKey>>();
  const inForceByKey = new WeakMap<AuthKey, () => boolean>();

  function imports(key: AuthKey): Promise<webcrypto.CryptoKey> {
    const known = imported.get(key);
    if (known !== undefined) return known;
    const algorithm = { name: 'HMAC', hash: 'SHA-256' };
    const made = webcrypto.subtle.importKey('raw', key.secret, algorithm, false, ['sign', 'verify']);
    imported.set(key, made);
    return made;
  }

  /** Keys that are read again are other objects, so they are compared by what they are. */
  function inForceOf(key: AuthKey): () => boolean {
    const known = inForceByKey.get(key);
    if (known !== undefined) return known;
    const isSame = ({ kid, secret }: AuthKey) => kid === key.kid && Buffer.compare(secret, key.secret) === 0;
    const inForce = (): boolean => keys().some(isSame);
    inForceByKey.set(key, inForce);
    return inForce;
  }

  /** What was verified before still holds while its key is in force and its time has not come. */
  function remembered(token: string): TokenClaims | null {
    const entry = verified.get(token);
    if (entry === undefined) return null;
    const now = Math.floor(clock.now() / MS_PER_SECOND) * MS_PER_SECOND;
    if (keys().includes(entry.key) && entry.claims.expiresAt.getTime() > now) return entry.claims;
    verified.delete(token);
    return null;
  }

  return {
    async sign(subject: string): Promise<IssuedToken> {
      const [key] = keys();
      if (key === undefined) throw new Error('There is no key to sign with.');
      const issuedAt = Math.floor(clock.now() / MS_PER_SECOND);
      const expiresAt = issuedAt + lifetimeSeconds;
      const token = await new SignJWT()
        .setProtectedHeader({ alg: ALGORITHM, kid: key.kid })
        .setIssuer(ISSUER)
        .setAudience(AUDIENCE)
        .setSubject(subject)
        .setIssuedAt(issuedAt)
        .setExpirationTime(expiresAt)
        .sign(await imports(key));
      return { token, expiresAt: new Date(expiresAt * MS_PER_SECOND), inForce: inForceOf(key) };
    },

    /** @throws CodedError `UNAUTHENTICATED`, whatever is wrong with the token; the reason is its cause. */
    async verify(token: string): Promise<TokenClaims> {
      const known = remembered(token);
      if (known !== null) return known;
      try {
        if (token.length > MAX_TOKEN_LENGTH) throw new Error('token too long');
        const { kid } = decodeProtectedHeader(token);
        const key = keys().find((candidate) => candidate.kid === kid);
        if (key === undefined) throw new Error('unknown kid');
        const { payload } = await jwtVerify(token, await imports(key), {
          algorithms: [ALGORITHM],
          issuer: ISSUER,
          audience: AUDIENCE,
          requiredClaims: REQUIRED_CLAIMS,
          currentDate: new Date(clock.now()),
          clockTolerance: 0,
        });
        const { sub, iat, exp } = payload;
        const issuedAt = new Date(Number(iat) * MS_PER_SECOND);
        const expiresAt = new Date(Number(exp) * MS_PER_SECOND);
        // A token that ends at no time of the calendar would never end.
        const isDated = !Number.isNaN(issuedAt.getTime()) && !Number.isNaN(expiresAt.getTime());
        if (typeof sub !== 'string' || sub === '' || !isDated) throw new Error('claims');
        const claims = { subject: sub, issuedAt, expiresAt, inForce: inForceOf(key) };
        // One that began to be valid could, by a clock that is set back, not be so any more.
        if (payload.nbf === undefined) verified.set(token, { key, claims });
        return claims;
      } catch (cause) {
        throw new CodedError(
          'UNAUTHENTICATED',
          'The token is not valid or has expired. Call createVisitor for a new one.',
          {
            cause,
          },
        );
      }
    },
  };
}

/** What may be part of keys and of global identifiers as it is. */
const PLAIN_SUBJECT = /^[^\s:\p{Cc}\p{Cs}]{1,128}$/u;

/** The visitor that the subject of a token stands for: ours are ids, others, such as "Jane Doe", have one made from them. */
export const idOfSubject = (subject: string): string =>
  PLAIN_SUBJECT.test(subject) ? subject : idFromSubject(subject);

/** A version 8 UUID (RFC 9562, 5.8) made from a host's own subject, so that each subject is one visitor for ever. */
export function idFromSubject(subject: string): string {
  const bytes = createHash('sha256').update(`madang subject ${subject}`).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
