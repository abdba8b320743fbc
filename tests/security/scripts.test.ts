import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Browser, openBrowser } from '../e2e/support/browser.ts';
import { openChat } from '../e2e/support/chat.ts';
import { useServer } from '../api/world.ts';
import { ask } from '../testkit/graphql-client.ts';
import { createRoom, createVisitor, sendMessage } from '../testkit/seed.ts';
import { report } from './support/table.ts';

/** What each payload does when it runs. */
const RUN = 'window.__ran=1';
const TAGS = [
  '<script>RUN</script>',
  '<ScRiPt>RUN</sCrIpT>',
  '<script src="data:text/javascript,RUN"></script>',
  '<script src=//evil.example/x.js></script>',
  '<img src=x onerror=RUN>',
  '<img src=x onerror="RUN">',
  "<img src='x' onerror='RUN'>",
  '<svg onload=RUN>',
  '<svg/onload=RUN>',
  '<svg><script>RUN</script></svg>',
  '<svg><animate onbegin=RUN attributeName=x dur=1s>',
  '<body onload=RUN>',
  '<iframe src="javascript:parent.RUN"></iframe>',
  '<iframe srcdoc="<script>parent.RUN</script>"></iframe>',
  '<object data="data:text/html,<script>RUN</script>"></object>',
  '<embed src="javascript:RUN">',
  '<video><source onerror=RUN></video>',
  '<audio src=x onerror=RUN>',
  '<details open ontoggle=RUN>',
  '<marquee onstart=RUN>x</marquee>',
  '<input autofocus onfocus=RUN>',
  '<select autofocus onfocus=RUN>',
  '<textarea autofocus onfocus=RUN>',
  '<a href="javascript:RUN">x</a>',
  '<form action="javascript:RUN"><button>x</button></form>',
  '<math href="javascript:RUN">x</math>',
  '<base href="javascript:/RUN//">',
  '<link rel=stylesheet href="data:text/css,*{background:red}">',
  '<style>@import "javascript:RUN";</style>',
  '<style>*{background:url(javascript:RUN)}</style>',
  '<div style="background:url(javascript:RUN)">',
  '<div style="width:expression(RUN)">',
  '<meta http-equiv=refresh content="0;url=javascript:RUN">',
  '<template><script>RUN</script></template>',
  '<noscript><p title="</noscript><img src=x onerror=RUN>">',
  '<xss onpointerrawupdate=RUN style=position:fixed;inset:0>',
  '<img src="x` `<script>RUN</script>"` `>',
  '</textarea><script>RUN</script>',
  '</title><script>RUN</script>',
  '--><script>RUN</script>',
  ']]><script>RUN</script>',
  '"><script>RUN</script>',
  "'><script>RUN</script>",
  '`><script>RUN</script>',
  '<<script>RUN//<</script>',
  '<scr<script>ipt>RUN</scr</script>ipt>',
  '<img src=x:x onerror\n=RUN>',
  '<a href="&#106;avascript:RUN">x</a>',
  '&lt;script&gt;RUN&lt;/script&gt;',
  '\\u003cscript\\u003eRUN\\u003c/script\\u003e',
  '%3Cscript%3ERUN%3C/script%3E',
];
const LINKS = [
  'javascript:RUN',
  'JaVaScRiPt:RUN',
  'javascript://x%0aRUN',
  'javascript://example.com/%0aRUN',
  'java\nscript:RUN',
  'data:text/html,<script>RUN</script>',
  'data:text/html;base64,PHNjcmlwdD4=',
  'vbscript:RUN',
  'file:///etc/passwd',
  'blob:https://x/y',
  'view-source:https://x',
  'https://example.com/"onmouseover="RUN',
  "https://example.com/'onmouseover='RUN",
  'https://example.com/<script>RUN</script>',
  'https://example.com/?x=javascript:RUN',
  'https://user:pass@example.com',
  'http://[::1]/',
  'https://example.com/\u202egpj.exe',
  'https://exаmple.com',
  'https://example.com#"><img src=x onerror=RUN>',
  'www.example.com/<svg onload=RUN>',
  '//evil.example/x',
  '\\\\evil.example\\x',
  'https:javascript:RUN',
  'http://javascript:RUN',
];
const TEMPLATES = [
  '{{RUN}}',
  '{{constructor.constructor("RUN")()}}',
  '${RUN}',
  '#{RUN}',
  '<%= RUN %>',
  '[[RUN]]',
  '{%RUN%}',
  '[x](javascript:RUN)',
  '![x](javascript:RUN)',
  '![x"onerror="RUN](x)',
  '<javascript:RUN>',
  '[x]: javascript:RUN',
  '`<script>RUN</script>`',
  '**<img src=x onerror=RUN>**',
  '| <svg onload=RUN> |',
  '{"__html":"<img src=x onerror=RUN>"}',
  '__proto__',
  'constructor',
  'dangerouslySetInnerHTML',
  'on="RUN"',
  '"onclick="RUN',
  "'onclick='RUN",
  'x" autofocus onfocus="RUN',
  ');RUN//',
  "';RUN//",
  '";RUN//',
  '`;RUN//',
  '*/RUN/*',
  '\u2028RUN',
  '<\u200bscript>RUN</script>',
  'ﬁ<script>RUN</script>',
  '＜script＞RUN＜/script＞',
  '\ufeff<script>RUN</script>',
  '+ADw-script+AD4-RUN+ADw-/script+AD4-',
  '%u003Cscript%u003ERUN',
  '&#x3C;script&#x3E;RUN',
  '<!--[if IE]><script>RUN</script><![endif]-->',
  '<?xml-stylesheet href="javascript:RUN"?>',
  'sourceMappingURL=javascript:RUN',
  'import("data:text/javascript,RUN")',
];
const WRAPPED = TAGS.slice(0, 40).map((tag) => `hello ${tag} https://example.com/${tag}`);
const MESSAGES = [...TAGS, ...LINKS, ...TEMPLATES, ...WRAPPED].map((payload) =>
  payload.replaceAll('RUN', RUN),
);
const NAMES = [TAGS[0]!, TAGS[4]!, TAGS[7]!, TAGS[23]!, LINKS[0]!, TEMPLATES[0]!, TEMPLATES[20]!].map(
  (payload) => payload.replaceAll('RUN', '__ran=1'),
);
const ROOM_SIZE = 40;

let tried = 0;
report('S13', () => ({
  tried,
  of: 'payloads in messages, room names and display names',
  result: 'Chromium ran none, its policy had nothing to refuse, texts as typed',
}));

describe('S13 what visitors type, in the browsers of others', () => {
  const server = useServer('embedded');
  let browser: Browser;
  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser.close());

  it('is text, in messages and in names', async () => {
    const { url } = server;
    const authors = await Promise.all(NAMES.map(() => createVisitor(url)));
    for (const [index, author] of authors.entries()) {
      const rename =
        'mutation ($i: RenameViewerInput!) { renameViewer(input: $i) { userErrors { message } } }';
      const { renameViewer } = await ask<{ renameViewer: { userErrors: object[] } }>(
        url,
        rename,
        { i: { displayName: NAMES[index]!.slice(0, 40) } },
        author,
      );
      expect(renameViewer.userErrors).toEqual([]);
    }
    const rooms: { id: string; texts: string[] }[] = [];
    for (let start = 0; start < MESSAGES.length; start += ROOM_SIZE) {
      const texts = MESSAGES.slice(start, start + ROOM_SIZE);
      const id = await createRoom(
        url,
        authors[0]!,
        (NAMES[rooms.length] ?? `room ${rooms.length}`).slice(0, 80),
      );
      for (const [index, text] of texts.entries())
        await sendMessage(url, authors[index % authors.length]!, { roomId: id, text });
      rooms.push({ id, texts: texts.map((text) => text.normalize('NFC').trim()) });
    }
    for (const { id, texts } of rooms) {
      // So high that no line leaves the page while the pointer goes over the links.
      const viewport = { width: 1200, height: ROOM_SIZE * 300 };
      const chat = await openChat(browser, url, { path: `/rooms/${id}`, viewport });
      await expect.poll(() => chat.texts(), { timeout: 30_000 }).toEqual(texts);
      for (const link of await chat.log.getByRole('link').all()) {
        expect(await link.getAttribute('href')).toMatch(/^https?:\/\//);
        expect((await link.getAttribute('rel'))?.split(' ')).toEqual(
          expect.arrayContaining(['noopener', 'noreferrer', 'nofollow', 'ugc']),
        );
        await link.hover();
      }
      await chat.page.mouse.move(300, 300);
      const ran: unknown = await chat.page.evaluate(() => Reflect.get(window, '__ran'));
      expect({ id, ran, trouble: chat.trouble }).toEqual({ id, ran: undefined, trouble: [] });
      tried += texts.length;
      await chat.page.context().close();
    }
    tried += NAMES.length * 2;
  });
});
