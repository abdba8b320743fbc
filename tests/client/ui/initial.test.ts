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
    ['', ''],
  ])('of %s is %s', (name, expected) => {
    expect(initial(name)).toBe(expected);
  });

  it('is a code point where the browser cannot tell characters apart', () => {
    vi.stubGlobal('Intl', {});
    expect([initial('Ana'), initial('')]).toEqual(['A', '']);
  });
});
