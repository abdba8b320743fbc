import { describe, expect, it } from 'vitest';
import { useServer } from '../api/world.ts';
import { ask } from '../testkit/graphql-client.ts';
import {
  createRoom,
  createVisitor,
  readLog,
  type Sent,
  SEND_MESSAGE,
  type TestVisitor,
} from '../testkit/seed.ts';
import { report } from './support/table.ts';

const range = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, index) => String.fromCodePoint(from + index));
const MARK = '\u0301';
const MAX = 2000;

/** Every character that is a control, but for the line break and the tab. */
const CONTROLS = [...range(0x00, 0x08), ...range(0x0b, 0x1f), ...range(0x7f, 0x9f)];
const BIDI = [...range(0x202a, 0x202e), ...range(0x2066, 0x2069)];
/** White space and default-ignorable code points, from the tables of Unicode 15. */
const INVISIBLE = [
  ' ',
  '\t',
  '\n',
  '\u00a0',
  '\u1680',
  ...range(0x2000, 0x200a),
  '\u2028',
  '\u2029',
  '\u202f',
  '\u205f',
  '\u3000',
  '\u00ad',
  '\u034f',
  '\u061c',
  '\u115f',
  '\u1160',
  '\u17b4',
  '\u17b5',
  '\u180b',
  '\u180e',
  ...range(0x200b, 0x200f),
  ...range(0x2060, 0x2064),
  '\u3164',
  '\ufe00',
  '\ufe0f',
  '\ufeff',
  '\uffa0',
  '\u{1bca0}',
  '\u{1d173}',
  '\u{e0001}',
  '\u{e0020}',
  '\u{e0100}',
];
const LONE = [
  '\ud800',
  '\udc00',
  'a\ud83d',
  '\ude00b',
  '\udc00\ud800',
  '\ud800\ud800',
  'x\udfffy',
  '\ud83d\ude00\ud83d',
];

/** What people and attackers type. All of it is text. */
const PHRASES = [
  'undefined',
  'null',
  'NaN',
  'true',
  '0',
  '-1',
  '1e999',
  '0x0',
  '٠١٢',
  'ⅷ',
  '½',
  '¹²³',
  'Ω≈ç√∫˜µ≤≥÷',
  '田中さんにあげて下さい',
  '안녕하세요 여러분',
  'Příliš žluťoučký kůň',
  'ثم نفس سقطت وبالتحديد،',
  'הָיְתָה הָיָה',
  'مرحبا Hello שלום',
  '👨‍👩‍👧‍👦',
  '👩🏽‍🚀',
  '🏳️‍🌈',
  '🇰🇷🇺🇸',
  '❤️',
  '✋🏿',
  '𝔗𝔥𝔢 𝔮𝔲𝔦𝔠𝔨',
  'ｆｕｌｌ ｗｉｄｔｈ',
  'ﷺ',
  '﷽',
  'ẞ ß ŉ ǰ ΐ',
  'İstanbul ı',
  'Å Å Å',
  "'; DROP TABLE messages; --",
  '" OR 1=1',
  '{"$gt":""}',
  '$where: 1',
  '../../etc/passwd',
  '%00',
  '%s%s%n',
  '{{7*7}}',
  '${7*7}',
  '#{7*7}',
  '<%= 7 %>',
  '`id`',
  '$(id)',
  '| id',
  'file:///etc/passwd',
  '<script>alert(1)</script>',
  '<img src=x onerror=alert(1)>',
  'javascript:alert(1)',
  '<svg/onload=alert(1)>',
  '&lt;b&gt;',
  '<!-- -->',
  ']]>',
  '<?xml version="1.0"?>',
  '\\u0000',
  '\\',
  '\\\\',
  '"',
  "'",
  '`',
  'a\nb\n\nc',
  'tab\there',
  'a\u00a0b',
  'zero\u200bwidth',
  'soft\u00adhyphen',
  'word\u2060joiner',
  'variation ☃\ufe0e',
  '\u202eright to left\u202c',
  '\u2066isolated\u2069',
  'line\u2028separator',
  'q\u0307\u0323',
  'ḍ̇',
  'e\u0301 and é',
  '가 and 가',
  'ﬁ ligature',
  '  spaces around  ',
  '\n\nlines around\n\n',
  '\ufeffbyte order mark',
  'private \ue000 use',
  'unassigned \u0378',
  'noncharacter \ufdd0',
  'noncharacter \uffff',
  'plane 16 \u{10fffd}',
  'tag \u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}',
  'https://example.com/?a=b&c=d#e',
  'http://한국.com',
  'mailto:a@b',
  'data:text/html,x',
  'ftp://x',
  'a@b.c',
  '+1 555 0100',
  '/me waves',
  '@everyone',
  '#general',
  ':smile:',
  '**bold** _it_ `code`',
  '[link](javascript:alert(1))',
  'CON',
  'PRN',
  'AUX',
  'NUL',
  'constructor',
  '__proto__',
  'toString',
  'hasOwnProperty',
  'prototype',
  'eval',
  'admin',
  'system',
  'server',
  'moderator',
];

/** Longer and wider samples of the scripts of the world, one letter each. */
const LETTERS = [
  ...range(0x0391, 0x03a1),
  ...range(0x0410, 0x042f),
  ...range(0x05d0, 0x05ea),
  ...range(0x0621, 0x063a),
  ...range(0x0905, 0x0914),
  ...range(0x0e01, 0x0e2e),
  ...range(0x1100, 0x1112),
  ...range(0x3041, 0x3060),
  ...range(0x30a1, 0x30c0),
  ...range(0x4e00, 0x4e20),
  ...range(0xac00, 0xac20),
  ...range(0x1f600, 0x1f630),
  ...range(0x20000, 0x20010),
  ...range(0x13000, 0x13010),
];

const KEPT: readonly string[] = [
  ...PHRASES,
  ...LETTERS.map((letter) => `${letter}${letter}`),
  ...BIDI.map((control) => `a${control}b`),
  ...Array.from({ length: 8 }, (_, count) => `x${MARK.repeat(count + 1)}y`),
  'x'.repeat(MAX),
  '한'.repeat(MAX),
  '😀'.repeat(MAX),
  'e\u0301'.repeat(MAX),
  `  ${'x'.repeat(MAX)}  `,
];

const REFUSED: readonly string[] = [
  '',
  ...CONTROLS.map((control) => `a${control}b`),
  ...INVISIBLE,
  ...INVISIBLE.map((character) => character.repeat(3)),
  INVISIBLE.join(''),
  ...LONE,
  ...Array.from({ length: 20 }, (_, count) => `x${'\u0316'.repeat(count + 9)}y`),
  ...['o', '한', '😀', 'ا', 'ก'].map(
    (base) => `${base}\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b`,
  ),
  `x${'\u0316\u200d'.repeat(10)}`,
  'x'.repeat(MAX + 1),
  '한'.repeat(MAX + 1),
  '😀'.repeat(MAX + 1),
];

/** What a name may not hold and a text may. */
const REFUSED_IN_NAMES = [...BIDI, '\n', '\t', '\u2028', '\u2029'].map((character) => `a${character}b`);

const CONCURRENT = 16;
let tried = 0;
report('S12', () => ({
  tried,
  of: 'strings as texts and names',
  result: 'kept byte for byte in NFC, or refused with a type',
}));

/** Calls `action` for all, a few at a time. */
async function each<Item>(items: readonly Item[], action: (item: Item) => Promise<void>): Promise<void> {
  const left = [...items];
  await Promise.all(
    Array.from({ length: CONCURRENT }, async () => {
      for (let item = left.pop(); item !== undefined; item = left.pop()) await action(item);
    }),
  );
}

const shown = (value: string): string => JSON.stringify(value.slice(0, 40));
const codePoints = (value: string): number => Array.from(value).length;

describe('S12 texts', () => {
  const server = useServer('embedded');
  const send = async (visitor: TestVisitor, roomId: string, text: string) =>
    (await ask<{ sendMessage: Sent }>(server.url, SEND_MESSAGE, { input: { roomId, text } }, visitor))
      .sendMessage;

  it('come back as they were in NFC, or are refused as INVALID_INPUT about the text', async () => {
    const visitor = await createVisitor(server.url);
    const roomId = await createRoom(server.url, visitor);
    const wrong: string[] = [];
    await each(KEPT, async (text) => {
      const { message, userErrors } = await send(visitor, roomId, text);
      if (message?.text !== text.normalize('NFC').trim())
        wrong.push(`not kept: ${shown(text)} ${JSON.stringify(userErrors)}`);
    });
    await each(REFUSED, async (text) => {
      const { message, userErrors } = await send(visitor, roomId, text);
      const [problem] = userErrors;
      const typed = problem?.code === 'INVALID_INPUT' && problem.field?.join() === 'input,text';
      if (message !== null || !typed) wrong.push(`not refused: ${shown(text)} ${JSON.stringify(userErrors)}`);
    });
    expect(wrong).toEqual([]);
    const stored = (await readLog(server.url, roomId)).map(({ text }) => text);
    expect(new Set(stored)).toEqual(new Set(KEPT.map((text) => text.normalize('NFC').trim())));
    expect(Math.max(...stored.map(codePoints))).toBe(MAX);
    tried += KEPT.length + REFUSED.length;
  });

  it('of one megabyte are too large for a request', async () => {
    const { token } = await createVisitor(server.url);
    const response = await fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify({
        query: SEND_MESSAGE,
        variables: { input: { roomId: 'x', text: 'x'.repeat(1_000_000) } },
      }),
    });
    expect(response.status).toBe(413);
    tried += 1;
  });
});

describe('S12 names', () => {
  const server = useServer('embedded');
  const RENAME =
    'mutation ($i: RenameViewerInput!) { renameViewer(input: $i) { visitor { displayName } userErrors { code field } } }';

  it('obey the same rules, and hold no direction controls and no line breaks', async () => {
    const visitor = await createVisitor(server.url);
    const rename = async (displayName: string) =>
      (
        await ask<{
          renameViewer: {
            visitor: { displayName: string } | null;
            userErrors: { code: string; field: string[] | null }[];
          };
        }>(server.url, RENAME, { i: { displayName } }, visitor)
      ).renameViewer;
    const wrong: string[] = [];
    const isKept = (name: string) =>
      codePoints(name.normalize('NFC').trim()) <= 40 &&
      !/[\n\t\u2028\u2029\u202a-\u202e\u2066-\u2069]/.test(name.trim());
    await each(KEPT.filter(isKept), async (name) => {
      const { visitor: renamed } = await rename(name);
      if (renamed?.displayName !== name.normalize('NFC').trim()) wrong.push(`not kept: ${shown(name)}`);
    });
    await each([...REFUSED, ...REFUSED_IN_NAMES, 'x'.repeat(41)], async (name) => {
      const { visitor: renamed, userErrors } = await rename(name);
      const typed =
        userErrors[0]?.code === 'INVALID_INPUT' && userErrors[0].field?.join() === 'input,displayName';
      if (renamed !== null || !typed) wrong.push(`not refused: ${shown(name)}`);
    });
    expect(wrong).toEqual([]);
    tried += KEPT.filter(isKept).length + REFUSED.length + REFUSED_IN_NAMES.length + 1;
  });
});
