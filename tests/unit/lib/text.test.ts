import { describe, expect, it } from 'vitest';
import { nameKey, normalizeText, textProblems } from '../../../src/lib/text.js';

const text = { kind: 'text', subject: 'The text', field: 'text', maxLength: 10 } as const;
const name = { kind: 'name', subject: 'The name', field: 'name', maxLength: 10 } as const;
const messages = (value: string, rules: typeof text | typeof name): string[] =>
  textProblems(normalizeText(value), rules).map((problem) => problem.message);

describe('textProblems', () => {
  it.each([
    ['plain', 'hello'],
    ['line breaks and tabs', 'a\n\tb'],
    ['a ZWJ family of emoji', '👨‍👩‍👧‍👦'],
    ['a flag made of tags', '🏴󠁧󠁢󠁥󠁮󠁧󠁿'],
    ['bidirectional controls', '\u202eabc\u202c'],
    ['ten astral characters', '😀'.repeat(10)],
    ['eight marks on a base', `a${'\u0316'.repeat(8)}`],
    ['Hangul', '안녕하세요'],
  ])('lets a text have %s', (_what, value) => {
    expect(messages(value, text)).toEqual([]);
  });

  it.each([
    ['nothing', '', 'is empty'],
    ['only white space', ' \n\u3000', 'is empty'],
    ['only what shows nothing', '\u200b\u200d\u2060\ufeff\u00ad', 'is empty'],
    ['a NUL', 'a\u0000b', 'control characters'],
    ['a C1 control', 'a\u0085b', 'control characters'],
    ['a carriage return', 'a\rb', 'control characters'],
    ['a lone surrogate', 'a\ud800', 'well-formed'],
    ['eleven characters', 'x'.repeat(11), 'has 11 characters'],
    ['nine marks on a base', `a${'\u0316'.repeat(9)}`, 'combining marks'],
    ['marks hidden behind joiners', `a${'\u0316\u200d'.repeat(9)}`, 'combining marks'],
  ])('refuses a text that has %s', (_what, value, words) => {
    expect(messages(value, text).join()).toContain(words);
  });

  it.each([
    ['a line break', 'a\nb', 'control characters'],
    ['a line separator', 'a\u2028b', 'control characters'],
    ['a direction override', 'a\u202eb', 'direction of text'],
    ['an isolate', 'a\u2066b', 'direction of text'],
  ])('refuses a name that has %s', (_what, value, words) => {
    expect(messages(value, name).join()).toContain(words);
  });

  it('gives one problem for each thing that is wrong', () => {
    expect(messages(`${'x'.repeat(11)}\u0000`, text)).toHaveLength(2);
  });
});

describe('nameKey', () => {
  it.each([
    ['Straße', 'STRASSE'],
    ['STRAẞE', 'STRASSE'],
    ['ΣΊΣΥΦΟΣ', 'σίσυφος'],
    ['ﬁre', 'FIRE'],
    ['Ｗｉｄｅ', 'wide'],
    ['한글', '한글'.normalize('NFD')],
    ['gen\u200beral', 'General'],
  ])('holds %s and %s for the same name', (one, other) => {
    expect(nameKey(normalizeText(one))).toBe(nameKey(normalizeText(other)));
  });

  it.each([
    ['cafe', 'café'],
    ['ı', 'i'],
    ['a b', 'ab'],
  ])('tells %s and %s apart', (one, other) => {
    expect(nameKey(one)).not.toBe(nameKey(other));
  });
});

describe('endless marks', () => {
  const MS = 1000;
  /** Processor time, which others on the machine do not change. */
  const cost = (run: () => unknown): number => {
    const before = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / MS;
  };

  it.each([
    ['two kinds in turn', `x${'\u0301\u0316'.repeat(15_000)}`],
    ['letters that become marks', `x${'\uff9e\u0301'.repeat(15_000)}`],
  ])('%s are not sorted: 60 kB of them take no time, and are refused', (_what, value) => {
    const form = () => nameKey(normalizeText(value));
    // The first call compiles the expressions.
    form();
    expect(cost(form)).toBeLessThan(50);
    expect(messages(value, { ...text, maxLength: 4000 } as never)).not.toEqual([]);
  });

  it('keep no text from its form: thirty marks, and any number of halfwidth voiced marks', () => {
    expect(normalizeText(`é e\u0301${'\uff9e'.repeat(40)}`)).toBe(`é é${'\uff9e'.repeat(40)}`);
    expect(nameKey('ＡＢＣ Ångström')).toBe('abc ångström');
  });
});
