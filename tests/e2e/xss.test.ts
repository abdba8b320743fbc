import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { ask } from '../testkit/graphql-client.js';
import { createRoom, createVisitor, sendMessage, type TestVisitor } from '../testkit/seed.js';
import { openChat, type ChatWindow } from './support/chat.js';
import { useStage } from './support/stage.js';
import { EXECUTED, XSS_PAYLOADS } from './support/xss-payloads.js';

const SOON = { timeout: 30_000 };
/** So many messages are read first. */
const FIRST_PAGE = 50;
/** Fewer than are on the page at once. */
const HALF = Math.ceil(XSS_PAYLOADS.length / 2);
const RENAME = /* GraphQL */ `
  mutation ($displayName: String!) {
    renameViewer(input: { displayName: $displayName }) {
      visitor {
        displayName
      }
    }
  }
`;

const executed = (page: Page) => page.evaluate((name) => Reflect.get(window, name) as unknown, EXECUTED);

/** What an executed payload, or one that a policy had to stop, leaves behind. */
async function harm({ page, trouble }: ChatWindow) {
  const links = await page.evaluate(() => Array.from(document.links, ({ protocol }) => protocol));
  return {
    executed: await executed(page),
    trouble,
    links: links.filter((protocol) => protocol !== 'http:' && protocol !== 'https:'),
  };
}
const NONE = { executed: undefined, trouble: [], links: [] };

describe(`${XSS_PAYLOADS.length} payloads that want to run in somebody else's page (C4, S13)`, () => {
  const stage = useStage();
  let visitor: TestVisitor;
  beforeAll(async () => {
    visitor = await createVisitor(stage.server.url());
  });

  it.each([
    ['first', XSS_PAYLOADS.slice(0, HALF)],
    ['second', XSS_PAYLOADS.slice(HALF)],
  ])(
    'are text in the %s half as messages, as their author, and in the list of rooms',
    async (half, payloads) => {
      expect(XSS_PAYLOADS.length).toBeGreaterThanOrEqual(150);
      const roomId = await createRoom(stage.server.url(), visitor, `Texts, ${half} half`);
      const window = await openChat(stage.browser, stage.server.url(), { path: `/rooms/${roomId}` });
      await window.page.getByRole('heading', { name: `Texts, ${half} half` }).waitFor();
      for (const payload of payloads) {
        const author = await createVisitor(stage.server.url());
        await ask(stage.server.url(), RENAME, { displayName: payload }, { token: author.token });
        const sent = await sendMessage(stage.server.url(), author, { roomId, text: payload });
        expect(sent.message?.text).toBe(payload);
      }
      await expect.poll(() => window.texts(), SOON).toEqual(payloads);
      const names = await window.log.getByRole('article').locator('header bdi').allTextContents();
      expect(names).toEqual(payloads);
      const row = window.roomLink(`Texts, ${half} half`);
      await expect
        .poll(() => row.locator('bdi').allTextContents(), SOON)
        .toEqual([`Texts, ${half} half`, payloads.at(-1), payloads.at(-1)]);
      await window.page.reload();
      await expect.poll(() => window.texts(), SOON).toEqual(payloads.slice(-FIRST_PAGE));
      expect(await harm(window)).toEqual(NONE);
    },
  );

  it('are text as names of rooms: in the list, in the heading, in the title', async () => {
    const window = await openChat(stage.browser, stage.server.url());
    const ids = new Map<string, string>();
    for (const payload of XSS_PAYLOADS)
      ids.set(payload, await createRoom(stage.server.url(), visitor, payload));
    const search = window.page.getByRole('searchbox');
    await expect.poll(() => window.roomNames(), SOON).toHaveLength(100);
    const seen = new Set(await window.roomNames());
    for (const payload of XSS_PAYLOADS.slice(-10)) {
      await search.fill(payload);
      await window.rooms.getByText(payload, { exact: true }).click();
      const heading = window.page.getByRole('heading', { level: 1 });
      await expect.poll(() => heading.textContent(), SOON).toBe(payload);
      expect(await window.page.title()).toBe(`${payload} · Madang`);
    }
    const strange = [...seen].filter((name) => !ids.has(name) && !name.startsWith('Texts, '));
    expect(strange).toEqual([]);
    expect(await harm(window)).toEqual(NONE);
  });

  it('are nothing in an address, and text in one’s own fields', async () => {
    const window = await openChat(stage.browser, stage.server.url());
    // What has a dot is the address of a file.
    const names = XSS_PAYLOADS.filter((payload) => !payload.includes('.'));
    for (const payload of names.filter((_, index) => index % 20 === 0)) {
      const part = encodeURIComponent(payload);
      await window.page.goto(`${stage.server.url()}/client/rooms/${part}?lang=${part}#${part}`);
      await window.page.getByText('Room not found').waitFor();
    }
    await window.page.goto(`${stage.server.url()}/client`);
    await window.createRoom('Own fields');
    for (const payload of ['<svg onload=__x=1>', '<img src=x onerror=__x=1>']) {
      await window.send(payload);
      await window.message(payload).waitFor();
      await window.page.getByRole('button', { name: 'You are' }).click();
      const dialog = window.page.getByRole('dialog');
      await dialog.getByRole('textbox').fill(payload);
      await dialog.getByRole('button', { name: 'Save' }).click();
      await window.page.getByRole('button', { name: `You are ${payload}` }).waitFor();
    }
    expect(await harm(window)).toEqual(NONE);
  });
});
