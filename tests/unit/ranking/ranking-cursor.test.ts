import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { CodedError } from '../../../src/lib/coded-error.js';
import {
  decodeRankingCursor,
  encodeRankingCursor,
  type RankingCursor,
} from '../../../src/ranking/ranking-cursor.js';

const cursors: RankingCursor[] = [
  { kind: 'resume', epoch: '18c2f00d', revision: 7, first: 20 },
  { kind: 'pinned', epoch: 'own1764150000123x99', revision: 1, place: 999 },
  {
    kind: 'below',
    epoch: '18c2f00d',
    revision: 3,
    createdAt: 1_764_150_000_123,
    roomId: '0198b7a2-6f00-7000-8000-000000000001',
  },
];
const text = (plain: string): string => Buffer.from(plain).toString('base64url');

describe('cursors of the room list', () => {
  it.each(cursors)('come back as they were: $kind', (cursor) => {
    expect(decodeRankingCursor(encodeRankingCursor(cursor))).toEqual(cursor);
  });

  it.each([
    ['nothing', ''],
    ['words', 'no cursor'],
    ['another version', text('r0 resume e 1 20')],
    ['another kind', text('r1 jump e 1 20')],
    ['no number', text('r1 resume e 1')],
    ['a negative number', text('r1 pinned e 1 -1')],
    ['a number with a leading zero', text('r1 pinned e 1 01')],
    ['a number that is too long', text('r1 pinned e 1 1234567890123456')],
    ['a fraction', text('r1 pinned e 1.5 1')],
    ['something behind it', text('r1 resume e 1 20 x')],
    ['an epoch of other letters', text('r1 resume {e} 1 20')],
    ['a room that is none', text('r1 below e 1 5 $ne')],
    ['padding', `${text('r1 resume e 1 20')}=`],
    ['length', text(`r1 resume ${'e'.repeat(40)} 1 20`.padEnd(5000))],
  ])('refuse %s with BAD_CURSOR', (_, forged) => {
    expect(() => decodeRankingCursor(forged)).toThrow(expect.objectContaining({ code: 'BAD_CURSOR' }));
  });

  it('refuse random bytes and single changed characters, or mean exactly what they say', () => {
    const forgeries = Array.from({ length: 2000 }, (_, index) => {
      const cursor = encodeRankingCursor(cursors[index % cursors.length]!);
      const at = index % cursor.length;
      return index % 2 === 0
        ? randomBytes(1 + (index % 60)).toString('base64url')
        : `${cursor.slice(0, at)}${'AZaz09-_'[index % 8]}${cursor.slice(at + 1)}`;
    });
    /** What a text comes back as when it is read and written again, or the code it is refused with. */
    const meaningOf = (forged: string): string => {
      try {
        return encodeRankingCursor(decodeRankingCursor(forged));
      } catch (error) {
        return error instanceof CodedError ? error.code : String(error);
      }
    };
    for (const forged of forgeries) expect(['BAD_CURSOR', forged]).toContain(meaningOf(forged));
  });
});
