import { describe, expect, test } from 'vitest';
import { decodeCursor, encodeCursor } from '../../../src/log/cursor.js';
import { LOG_ID, OTHER_LOG_ID } from '../../testkit/log/log-world.js';

const code = (run: () => unknown): unknown => {
  try {
    return run();
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error;
  }
};

describe('a cursor', () => {
  test.each([
    [0, 0],
    [1, 0],
    [1, 0xffff_ffff],
    [2 ** 48 - 1, 0x8000_0000],
  ])('of number %i and tag %i comes back as it was', (number, tag) => {
    const cursor = encodeCursor(LOG_ID, { number, tag });
    expect(cursor).toMatch(/^[\w-]{36}$/);
    expect(decodeCursor(LOG_ID, cursor)).toEqual({ number, tag });
  });

  test('is refused by another log', () => {
    const cursor = encodeCursor(OTHER_LOG_ID, { number: 7, tag: 9 });
    expect(code(() => decodeCursor(LOG_ID, cursor))).toBe('BAD_CURSOR');
  });

  const good = encodeCursor(LOG_ID, { number: 7, tag: 9 });
  const bytes = (change: (copy: Buffer) => void): string => {
    const copy = Buffer.from(good, 'base64url');
    change(copy);
    return copy.toString('base64url');
  };
  test.each([
    ['nothing', ''],
    ['a word', 'cursor'],
    ['a number', '7'],
    ['one character less', good.slice(0, -1)],
    ['one character more', `${good}A`],
    ['padding', `${good}=`],
    ['a space before it', ` ${good}`.slice(0, 36)],
    ['the other alphabet', `${good.slice(0, -1)}+`],
    ['a character of no alphabet', `${good.slice(0, -1)}!`],
    ['a letter beyond ASCII', `${good.slice(0, -1)}é`],
    ['another version', bytes((copy) => void copy.writeUInt8(2, 0))],
    ['a tag at number 0', bytes((copy) => void copy.fill(0, 17, 23))],
  ])('is refused when it is %s', (_, cursor) => {
    expect(code(() => decodeCursor(LOG_ID, cursor))).toBe('BAD_CURSOR');
  });

  test('is made for a UUID in lower case only', () => {
    expect(() => encodeCursor('room', { number: 0, tag: 0 })).toThrow(TypeError);
    expect(() => encodeCursor(LOG_ID.toUpperCase().replace('0189', 'ABCD'), { number: 0, tag: 0 })).toThrow(
      TypeError,
    );
  });
});
