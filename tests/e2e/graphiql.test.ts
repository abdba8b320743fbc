import { describe, expect, it } from 'vitest';
import type { Page } from 'playwright-core';
import { ask } from '../testkit/graphql-client.js';
import { createRoom, createVisitor, sendMessage } from '../testkit/seed.js';
import { useStage } from './support/stage.js';

const SOON = { timeout: 20_000 };
const TABS = ['rooms', 'createVisitor', 'createRoom', 'sendMessage', 'messageAdded'];

/** Opens a tab of GraphiQL and presses its button. */
async function run(page: Page, tab: string): Promise<void> {
  await page.locator('.graphiql-tab', { hasText: tab }).locator('button').first().click();
  await expect.poll(() => page.locator('.graphiql-query-editor').innerText(), SOON).toContain(tab);
  await page.locator('.graphiql-execute-button').click();
}

/** What the answer's editor shows; it writes its spaces as others do not. */
const answer = async (page: Page): Promise<string> =>
  (await page.locator('.graphiql-response').innerText()).replaceAll(/\s+/g, ' ');

describe('GraphiQL', () => {
  const stage = useStage();

  it('works from its first tab to its last, live, with the visitor of the Headers tab, and asks nobody else', async () => {
    const { page, trouble } = await stage.browser.openWindow(`${stage.server.url()}/graphql`);
    await page.locator('.graphiql-execute-button').waitFor();
    expect(await page.locator('.graphiql-tab-button').allTextContents()).toEqual(TABS);
    await run(page, 'rooms');
    await expect.poll(() => answer(page), SOON).toContain('"totalCount": 0');
    await run(page, 'createVisitor');
    await expect.poll(() => answer(page), SOON).toContain('"token"');
    await run(page, 'createRoom');
    await expect.poll(() => answer(page), SOON).toContain('"name": "GraphiQL"');
    await run(page, 'sendMessage');
    await expect.poll(() => answer(page), SOON).toContain('"number": 1');
    await run(page, 'messageAdded');
    await expect.poll(() => answer(page), SOON).toContain('"replayed": true');

    const ROOM = `query($name: String!) { roomByName(name: $name) { id onlineCount recentVisitorCount } }`;
    type Room = { roomByName: { id: string; onlineCount: number; recentVisitorCount: number } };
    const room = () =>
      ask<Room>(stage.server.url(), ROOM, { name: 'GraphiQL' }).then(({ roomByName }) => roomByName);
    // The one visitor of these tabs: a socket of somebody else would be a second one.
    await expect.poll(room, SOON).toMatchObject({ onlineCount: 1, recentVisitorCount: 1 });

    const visitor = await createVisitor(stage.server.url());
    await sendMessage(stage.server.url(), visitor, {
      roomId: (await room()).id,
      text: 'live from elsewhere',
    });
    await expect.poll(() => answer(page), SOON).toContain('live from elsewhere');
    expect(trouble).toEqual([]);
  });

  it('streams roomsChanged', async () => {
    const query = 'subscription { roomsChanged { complete rooms { name } } }';
    const { page, trouble } = await stage.browser.openWindow(
      `${stage.server.url()}/graphql?query=${encodeURIComponent(query)}`,
    );
    await page.locator('.graphiql-execute-button').click();
    await expect.poll(() => answer(page), SOON).toContain('"complete": true');
    await createRoom(stage.server.url(), await createVisitor(stage.server.url()), 'Seen in GraphiQL');
    await expect.poll(() => answer(page), SOON).toContain('Seen in GraphiQL');
    expect(trouble).toEqual([]);
  });

  it('sends the headers of the Headers tab in the place of its own, in whatever letters', async () => {
    const query = '{ viewer { displayName } settings { maxMessageLength } }';
    const { page, trouble } = await stage.browser.openWindow(
      `${stage.server.url()}/graphql?query=${encodeURIComponent(query)}`,
    );
    const { createVisitor: ann } = await ask<{ createVisitor: { token: string } }>(
      stage.server.url(),
      'mutation { createVisitor(input: { displayName: "Ann of the headers" }) { token } }',
    );
    const headers = { 'Content-Type': 'application/json', AUTHORIZATION: `Bearer ${ann.token}` };
    await page.locator('button[data-name="headers"]').click();
    await page.locator('.graphiql-editor-tool .graphiql-editor:not(.hidden)').click();
    await page.keyboard.press('Control+A');
    await page.keyboard.insertText(JSON.stringify(headers));
    await page.locator('.graphiql-execute-button').click();
    await expect.poll(() => answer(page), SOON).toContain('Ann of the headers');
    expect(trouble).toEqual([]);
  });
});
