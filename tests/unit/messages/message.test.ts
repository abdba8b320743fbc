import { describe, expect, test } from 'vitest';
import { storedKey } from '../../../src/messages/message.js';

describe('storedKey', () => {
  test('is the key of the client, which no key of the server can be', () => {
    expect(storedKey('s:1', 0, '0123456789abcdef')).toBe('c:s:1');
  });

  test('without one sorts by time, and differs for calls of one millisecond', () => {
    const at = Date.UTC(2026, 10, 26);
    const keys = [at, at + 1, at + 1000, at + 86_400_000].map((time, index) =>
      storedKey(null, time, (9 - index).toString(16).padStart(16, '0')),
    );
    expect(keys.toSorted()).toEqual(keys);
    expect(storedKey(null, at, '0000000000000001')).not.toBe(storedKey(null, at, '0000000000000002'));
  });
});
