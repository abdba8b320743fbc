import { describe, expect, it } from 'vitest';
import { createRoom, createVisitor, sendMessage } from '../testkit/seed.js';
import { openChat } from './support/chat.js';
import { useStage } from './support/stage.js';

const SOON = { timeout: 20_000 };
/** Not this machine's, so that browsers do not trust it without TLS. */
const ELSEWHERE = 'chat.test';
/** Longer than a page of messages. */
const MESSAGES = 60;

/** Takes away what came after the oldest browsers that the client is built for: Chrome 111, Firefox 114, Safari 16.4. */
function makeOlder(): void {
  const parts: readonly [object, readonly string[]][] = [
    [URL, ['canParse', 'parse']],
    [Array, ['fromAsync']],
    [Array.prototype, ['toSorted', 'toReversed', 'toSpliced', 'with']],
    [Object, ['groupBy']],
    [Map, ['groupBy']],
    [Promise, ['withResolvers', 'try']],
    [Set.prototype, ['union', 'intersection', 'difference', 'symmetricDifference', 'isSubsetOf']],
    [
      Object.getPrototypeOf(Object.getPrototypeOf([].values())) as object,
      ['map', 'filter', 'take', 'toArray'],
    ],
    [String.prototype, ['isWellFormed', 'toWellFormed']],
    [AbortSignal, ['any']],
    [Intl, ['Segmenter']],
    [Element.prototype, ['checkVisibility']],
  ];
  for (const [owner, names] of parts) for (const name of names) Reflect.deleteProperty(owner, name);
}

describe('a browser with less than others', () => {
  const stage = useStage('describe', { switches: [`--host-resolver-rules=MAP ${ELSEWHERE} 127.0.0.1`] });

  it('sends from an address without TLS', async () => {
    const { port } = new URL(stage.server.url());
    const window = await openChat(stage.browser, `http://${ELSEWHERE}:${port}`);
    expect(await window.page.evaluate(() => isSecureContext)).toBe(false);
    await window.createRoom('In the house');
    await window.page.getByRole('heading', { name: 'In the house' }).waitFor();
    for (const text of ['one', 'two']) await window.send(text);
    await expect.poll(() => window.texts(), SOON).toEqual(['one', 'two']);
    await expect.poll(() => window.log.getByRole('status').count(), SOON).toBe(0);
    // A header of the server's that is of no use there.
    expect(window.trouble.filter((line) => !line.includes('Cross-Origin-Opener-Policy'))).toEqual([]);
  });

  it('shows rooms, links and older pages, and sends, when it is as old as the client allows', async () => {
    const visitor = await createVisitor(stage.server.url());
    const roomId = await createRoom(stage.server.url(), visitor, 'Old');
    for (let number = 1; number <= MESSAGES; number++) {
      const text = `${number} https://example.com/${number} https://[`;
      await sendMessage(stage.server.url(), visitor, { roomId, text });
    }
    const window = await openChat(stage.browser, stage.server.url(), { path: `/rooms/${roomId}` });
    await window.page.addInitScript(makeOlder);
    await window.page.reload();
    const link = (number: number) =>
      window.log.getByRole('link', { name: `https://example.com/${number}`, exact: true });
    await link(MESSAGES).waitFor();
    expect(await window.page.evaluate(() => 'canParse' in URL || 'toSorted' in [])).toBe(false);
    await window.log.hover();
    await expect
      .poll(async () => {
        await window.page.mouse.wheel(0, -4000);
        return link(1).count();
      }, SOON)
      .toBe(1);
    await window.send('from an old one');
    await window.message('from an old one').waitFor();
    await window.createRoom('New in an old one');
    await window.page.getByRole('heading', { name: 'New in an old one' }).waitFor();
    expect(window.trouble).toEqual([]);
  });

  it('sees all that it writes where a field does not grow by itself', async () => {
    const window = await openChat(stage.browser, stage.server.url());
    await window.page.addInitScript(() => {
      CSS.supports = () => false;
      document.addEventListener('DOMContentLoaded', () => {
        const style = new CSSStyleSheet();
        style.replaceSync('textarea { field-sizing: fixed !important; }');
        document.adoptedStyleSheets = [style];
      });
    });
    await window.page.reload();
    await window.createRoom('Lines');
    await window.page.getByRole('heading', { name: 'Lines' }).waitFor();
    const height = async () => (await window.composer.boundingBox())?.height ?? NaN;
    const hidden = () => window.composer.evaluate((field) => field.scrollHeight - field.clientHeight);
    const one = await height();
    await window.composer.fill('one\ntwo\nthree');
    expect(await height()).toBeGreaterThan(1.5 * one);
    expect(await hidden()).toBe(0);
    await window.page.reload();
    await window.composer.waitFor();
    await expect.poll(hidden, SOON).toBe(0);
    await window.composer.press('Enter');
    await window.message('one\ntwo\nthree').waitFor();
    expect(await height()).toBe(one);
  });
});
