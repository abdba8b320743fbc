import { describe, expect, it } from 'vitest';
import { chooseLanguage, problemText, TEXTS } from '../../../client/src/ui/texts.js';

describe('language', () => {
  it.each([
    ['?lang=ko', ['en'], 'ko'],
    ['?lang=en', ['ko-KR'], 'en'],
    ['?lang=xx', ['ko-KR'], 'ko'],
    ['', ['de-DE', 'ko', 'en'], 'ko'],
    ['', ['de-DE', 'en-GB', 'ko'], 'en'],
    ['', ['de-DE'], 'en'],
    ['', [], 'en'],
  ] as const)('%s with %s gives %s', (search, preferred, expected) => {
    expect(chooseLanguage(search, preferred)).toBe(expected);
  });

  it('says one visitor and two visitors', () => {
    expect([1, 2].map(TEXTS.en.recentVisitors)).toEqual(['1 recent visitor', '2 recent visitors']);
  });

  it('tells a code that is new to it in the words of the server', () => {
    for (const code of ['SOMETHING_NEW', 'constructor']) {
      expect(problemText(TEXTS.ko, { code, message: 'Words.' })).toBe('Words.');
    }
  });
});
