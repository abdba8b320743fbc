import { createHash } from 'node:crypto';
import { decodeProtectedHeader, jwtVerify, SignJWT } from 'jose';
import type { AuthKey } from '../config.js';
import type { Clock } from '../lib/clock.js';
import { CodedError } from '../lib/coded-error.js';

const ISSUER = 'madang';
const AUDIENCE = 'madang';
const ALGORITHM = 'HS256';
const REQUIRED_CLAIMS = ['iss', 'aud', 'sub', 'iat', 'exp'];
/** Ours have about 300 characters; a longer one is not worth parsing. */
const MAX_TOKEN_LENGTH = 4096;
const MS_PER_SECOND = 1000;

/** What a valid token says. */
export interface TokenClaims {
  readonly subject: string;
  readonly issuedAt: Date;
  readonly expiresAt: Date;
}

export interface IssuedToken {
  readonly token: string;
  readonly expiresAt: Date;
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
        .sign(key.secret);
      return { token, expiresAt: new Date(expiresAt * MS_PER_SECOND) };
    },

    /** @throws CodedError `UNAUTHENTICATED`, whatever is wrong with the token; the reason is its cause. */
    async verify(token: string): Promise<TokenClaims> {
      try {
        if (token.length > MAX_TOKEN_LENGTH) throw new Error('token too long');
        const { kid } = decodeProtectedHeader(token);
        const key = keys().find((candidate) => candidate.kid === kid);
        if (key === undefined) throw new Error('unknown kid');
        const { payload } = await jwtVerify(token, key.secret, {
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
        return { subject: sub, issuedAt, expiresAt };
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

/** A version 8 UUID (RFC 9562, 5.8) made from a host's own subject, so that each subject is one visitor for ever. */
export function idFromSubject(subject: string): string {
  const bytes = createHash('sha256').update(`madang subject ${subject}`).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
