import { describe, expect, it } from 'vitest';
import { localeOfTimes } from '../../../client/src/ui/locale-of-times.js';

describe('times', () => {
  it.each([
    ['en', ['en-US'], 'en-US'],
    ['en', ['en-GB', 'en-US'], 'en-GB'],
    ['en', ['de-DE', 'en-AU'], 'en-AU'],
    ['en', ['de-DE'], 'en-u-hc-h23'],
    ['en', ['ja'], 'en-u-hc-h23'],
    ['en', ['ar-EG'], 'en-u-hc-h12'],
    ['ko', ['ko-KR'], 'ko-KR'],
    ['ko', ['de-DE'], 'ko-u-hc-h23'],
    ['en', ['en-US@posix', 'C'], 'en-u-hc-h12'],
    ['en', [], 'en-u-hc-h12'],
  ] as const)('in %s are written for readers of %j as in %s', (language, preferred, locale) => {
    expect(localeOfTimes(language, preferred)).toBe(locale);
  });

  it('have the clock of the reader', () => {
    const written = (preferred: readonly string[]) =>
      new Intl.DateTimeFormat(localeOfTimes('en', preferred), { timeStyle: 'short', timeZone: 'UTC' })
        .format(new Date('2026-03-01T14:05:00Z'))
        .replaceAll(/\s/gu, ' ');
    expect([['en-US'], ['en-GB'], ['de']].map(written)).toEqual(['2:05 PM', '14:05', '14:05']);
  });
});
