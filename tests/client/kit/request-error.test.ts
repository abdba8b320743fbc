import { describe, expect, it } from 'vitest';
import { remedyFor, RequestError, toRequestError } from '../../../client/kit/request-error.js';

const coded = (code: string, retryAfterMs?: number) => ({
  message: code,
  extensions: { code, retryAfterMs },
});

describe('toRequestError', () => {
  it('reads the first of several errors, as graphql-ws and urql report them', () => {
    const errors = [coded('RATE_LIMITED', 700), coded('UNAVAILABLE')];
    for (const cause of [errors, { graphQLErrors: errors }, { graphQLErrors: [], networkError: errors }]) {
      expect(toRequestError(cause)).toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: 700 });
    }
  });

  it('takes the end of a connection for final', () => {
    expect(toRequestError({ code: 4500, reason: 'Internal error' })).toMatchObject({
      code: 'CLOSED',
      message: 'Internal error',
    });
  });
});

describe('what any client may report', () => {
  const closed = { code: 'CLOSED', message: 'The connection was closed for good.', retryAfterMs: null };
  it.each<[string, unknown, object]>([
    ['itself', new RequestError('RATE_LIMITED', 'Wait.', 5), { code: 'RATE_LIMITED', retryAfterMs: 5 }],
    [
      'an error that says nothing',
      [{}],
      { code: 'UNKNOWN', message: 'The request failed.', retryAfterMs: null },
    ],
    ['no error at all', [], { code: 'UNKNOWN', message: 'The request failed.' }],
    ['null in a list', [null], { code: 'UNKNOWN', message: 'The request failed.' }],
    ['words alone', [{ message: 'No.', extensions: null }], { code: 'UNKNOWN', message: 'No.' }],
    [
      'a code that is no text',
      [{ message: 1, extensions: { code: 7 } }],
      { code: 'UNKNOWN', message: 'The request failed.' },
    ],
    [
      'a wait of nothing',
      [coded('OVERLOADED', 0)],
      { code: 'OVERLOADED', message: 'OVERLOADED', retryAfterMs: 0 },
    ],
    ['a wait that is none', [coded('OVERLOADED', -1)], { retryAfterMs: null }],
    ['a wait in words', [coded('OVERLOADED', '10' as never)], { retryAfterMs: null }],
    [
      'a failure within a failure',
      { networkError: { networkError: { message: 'Away.' } } },
      { code: 'CLOSED', message: 'Away.' },
    ],
    ['a thrown error', new Error('No route.'), { code: 'CLOSED', message: 'No route.', retryAfterMs: null }],
    ['text', 'Gone.', { code: 'CLOSED', message: 'Gone.' }],
    ['empty text', '', closed],
    ['nothing', undefined, closed],
    ['null', null, closed],
    ['a number', 1006, closed],
  ])('%s is read', (_name, cause, expected) => {
    const error = toRequestError(cause);
    expect(error).toBeInstanceOf(RequestError);
    expect(error).toMatchObject(expected);
  });
});

describe('FOLLOW-2: remedyFor', () => {
  it.each([
    ['UNAVAILABLE', 'again'],
    ['OVERLOADED', 'again'],
    ['RATE_LIMITED', 'again'],
    ['BAD_CURSOR', 'newest'],
    ['CURSOR_EXPIRED', 'newest'],
    ['ROOM_NOT_FOUND', 'missing'],
    ['BAD_USER_INPUT', 'stop'],
    ['constructor', 'stop'],
  ] as const)('%s: %s', (code, remedy) => {
    expect(remedyFor(new RequestError(code, ''))).toBe(remedy);
  });

  it('repeats a code it does not know only when the server says when', () => {
    expect(remedyFor(new RequestError('NEW_CODE', '', 100))).toBe('again');
    expect(remedyFor(new RequestError('NEW_CODE', ''))).toBe('stop');
  });
});
