import { afterEach, describe, expect, it, vi } from 'vitest';
import { initial } from '../../../client/src/ui/initial.js';

describe('the first character of a name', () => {
  afterEach(() => void vi.unstubAllGlobals());

  it.each([
    ['Ana', 'A'],
    ['한글', '한'],
    ['👨‍👩‍👧‍👦 family', '👨‍👩‍👧‍👦'],
    ['🇰🇷 Seoul', '🇰🇷'],
    ['👍🏽', '👍🏽'],
    ['é́cole', 'é́'],
    ['\u200bZero', 'Z'],
    ['\u2060\u00ad\u200dJoined', 'J'],
    ['\ufe0f\u034f 한', '한'],
    ['\u0301Marked', 'M'],
    ['\u200f\u05d3\u05e0\u05d4', '\u05d3'],
    ['\u0301\u0302', '\u0301\u0302'],
    ['', ''],
  ])('of %s is %s', (name, expected) => {
    expect(initial(name)).toBe(expected);
  });

  it('is a code point where the browser cannot tell characters apart', () => {
    vi.stubGlobal('Intl', {});
    expect(['Ana', '\u200bZero', ''].map(initial)).toEqual(['A', 'Z', '']);
  });
});
