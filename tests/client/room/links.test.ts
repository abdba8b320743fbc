import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { splitLinks } from '../../../client/src/room/links.js';

const links = (text: string) =>
  splitLinks(text).flatMap(({ text: shown, href }) => (href === null ? [] : [shown]));

describe('splitLinks', () => {
  it.each([
    ['see https://example.com/a?b=1, it is nice', ['https://example.com/a?b=1']],
    ['(http://example.com)', ['http://example.com']],
    ['https://en.wikipedia.org/wiki/Yard_(garden).', ['https://en.wikipedia.org/wiki/Yard_(garden)']],
    ['HTTPS://EXAMPLE.COM!', ['HTTPS://EXAMPLE.COM']],
    ['https://a.test https://b.test', ['https://a.test', 'https://b.test']],
    ['javascript:alert(1) data:text/html,x ftp://a.test //a.test www.a.test', []],
    ['https://', []],
    ['주소는 https://example.com/a。', ['https://example.com/a']],
    [
      '「https://example.com/」、 《https://example.com/b》！',
      ['https://example.com/', 'https://example.com/b'],
    ],
    ['هل رأيت https://example.com/a؟', ['https://example.com/a']],
    ['（https://example.com/a）', ['https://example.com/a']],
    ['https://ja.wikipedia.org/wiki/「庭」。', ['https://ja.wikipedia.org/wiki/「庭」']],
    ['https://example.com에서 만나요', ['https://example.com']],
    ['https://example.com:8000으로, https://한글.kr을', ['https://example.com:8000', 'https://한글.kr']],
    ['见https://example.com。谢谢', ['https://example.com']],
    [
      'https://ko.wikipedia.org/wiki/마당 https://한글.kr',
      ['https://ko.wikipedia.org/wiki/마당', 'https://한글.kr'],
    ],
    ['https://a한글.kr/마당 https://예시.한국', ['https://a한글.kr/마당', 'https://예시.한국']],
    ['no link', []],
  ])('%s', (text, expected) => {
    expect(links(text)).toEqual(expected);
  });

  it.each([
    ['brackets behind marks', `http://a/${'.'.repeat(2600)}x${')'.repeat(1300)}`],
    ['brackets alone', `http://${'」'.repeat(3900)}`],
    ['brackets and marks in turn', `http://a${'」)。'.repeat(1300)}`],
  ])('takes no time for endless %s', (_name, text) => {
    const before = process.cpuUsage();
    for (let round = 0; round < 20; round += 1) splitLinks(text);
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1000).toBeLessThan(2000);
  });

  it('stops an address at marks that turn the direction of text', () => {
    expect(links('https://a.test/\u202Egpj.exe')).toEqual(['https://a.test/']);
  });

  it('changes nothing of the text, and links only to http and https', () => {
    const part = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.webUrl(),
      fc.constantFrom('https://', '(', ')', '.', ' ', '\n', 'javascript:'),
    );
    fc.assert(
      fc.property(fc.array(part), (parts) => {
        const text = parts.join('');
        const pieces = splitLinks(text);
        expect(pieces.map((piece) => piece.text).join('')).toBe(text);
        const schemes = pieces.flatMap(({ href }) => (href === null ? [] : [new URL(href).protocol]));
        expect(schemes.filter((scheme) => scheme !== 'http:' && scheme !== 'https:')).toEqual([]);
      }),
    );
  });
});
