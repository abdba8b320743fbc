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
