import { describe, expect, it } from 'vitest';
import { plural } from '../../../client/src/ui/plural.js';
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

  it('counts by the plural rules of the language', () => {
    const counts = [0, 1, 2, 1234];
    expect(counts.map(TEXTS.en.recentVisitors)).toEqual([
      '0 recent visitors',
      '1 recent visitor',
      '2 recent visitors',
      '1,234 recent visitors',
    ]);
    expect([1, 2].map(TEXTS.en.newMessages)).toEqual(['1 new message', '2 new messages']);
    expect([1, 2].map(TEXTS.en.waiting)).toEqual(['1 message waits', '2 messages wait']);
    expect([1, 1234].map(TEXTS.ko.recentVisitors)).toEqual(['최근 방문자 1명', '최근 방문자 1,234명']);
  });

  it('takes the form of other where a language tells more apart than the sentence does', () => {
    const inPolish = plural('pl', { one: '# pokój', few: '# pokoje', other: '# pokoi' });
    expect([1, 2, 5, 22].map(inPolish)).toEqual(['1 pokój', '2 pokoje', '5 pokoi', '22 pokoje']);
  });

  it('says in Korean everything that it says in English', () => {
    const keys = (texts: object): string[] =>
      Object.entries(texts).flatMap(([key, text]: [string, unknown]) =>
        typeof text === 'object' && text !== null ? [key, ...keys(text)] : [key],
      );
    expect(keys(TEXTS.ko)).toEqual(keys(TEXTS.en));
    const words = Object.values(TEXTS.ko).filter((text) => typeof text === 'string');
    expect(words.filter((text) => !/\p{Script=Hangul}/u.test(text))).toEqual([]);
  });

  it('says when a server that refuses will take more', () => {
    const refusal = { code: 'RATE_LIMITED', message: 'Words.' };
    const texts = [400, 1001, null].map((retryAfterMs) =>
      problemText(TEXTS.en, { ...refusal, retryAfterMs }),
    );
    expect(texts).toEqual([
      'Too many at once. Try again in 1 second.',
      'Too many at once. Try again in 2 seconds.',
      'Too many at once. Wait a moment and try again.',
    ]);
  });

  it('tells a code that is new to it in the words of the server', () => {
    for (const code of ['SOMETHING_NEW', 'constructor']) {
      expect(problemText(TEXTS.ko, { code, message: 'Words.' })).toBe('Words.');
    }
  });
});
