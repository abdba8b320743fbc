import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { openChat } from './support/chat.js';
import { useStage } from './support/stage.js';

const SOON = { timeout: 60_000 };

/** Texts of the messages that the page keeps, room by room. */
const keptMessages = (page: Page) =>
  page.evaluate(
    () =>
      new Promise<string[][]>((resolve) => {
        const opening = indexedDB.open('madang /client/ read');
        opening.addEventListener('success', () => {
          const reading = opening.result.transaction('messages').objectStore('messages').getAll();
          reading.addEventListener('success', () => {
            opening.result.close();
            const rooms = reading.result as { messages: { text: string }[] }[];
            resolve(rooms.map(({ messages }) => messages.map(({ text }) => text)));
          });
        });
      }),
  );

describe('installed', () => {
  const stage = useStage('test');

  it('starts without a network with what was read last, takes messages, and sends them later', async () => {
    const ana = await openChat(stage.browser, stage.server.url());
    await ana.createRoom('Mountains');
    await ana.send('read before');
    await ana.message('read before').waitFor();
    await expect.poll(() => ana.log.getByRole('status').count(), SOON).toBe(0);
    const address = ana.page.url();
    const who = await ana.page.getByRole('button', { name: 'You are' }).textContent();
    const worker = () =>
      ana.page.evaluate(async () => {
        const registration = await navigator.serviceWorker.getRegistration('/client');
        return registration?.active?.state;
      });
    await expect.poll(worker, SOON).toBe('activated');
    await ana.page.reload();
    await ana.message('read before').waitFor();
    await ana.roomLink('Mountains').waitFor();
    await expect.poll(() => ana.page.getByText('read before').count(), SOON).toBe(2);
    await expect.poll(() => keptMessages(ana.page), SOON).toEqual([['read before']]);
    expect(ana.trouble).toEqual([]);

    const again = { PORT: new URL(stage.server.url()).port };
    await stage.server.kill();
    await ana.page.goto('about:blank');
    await ana.page.goto(address);
    await ana.page.getByRole('heading', { name: 'Mountains' }).waitFor();
    await ana.message('read before').waitFor();
    await ana.page.getByText('This is what was read last.').waitFor();
    await ana.roomLink('Mountains').waitFor();
    expect(await ana.page.getByRole('button', { name: 'You are' }).textContent()).toBe(who);
    await ana.send('written on the summit');
    await ana.message('written on the summit').getByRole('status', { name: 'Sending' }).waitFor();

    await stage.server.restart(again);
    await ana.connection('Connected').waitFor();
    await expect.poll(() => ana.log.getByRole('status').count(), SOON).toBe(0);
    expect(await ana.texts()).toEqual(['read before', 'written on the summit']);
  });

  it('can be installed: a manifest with icons that are there', async () => {
    const { page, trouble } = await openChat(stage.browser, stage.server.url());
    const devtools = await page.context().newCDPSession(page);
    const { url, errors, data } = await devtools.send('Page.getAppManifest');
    expect([new URL(url).pathname, errors]).toEqual(['/client/manifest.webmanifest', []]);
    const { icons, start_url: start } = JSON.parse(data ?? '{}') as {
      icons: readonly { src: string; type: string }[];
      start_url: string;
    };
    for (const { src, type } of icons) {
      const icon = await page.request.get(new URL(src, url).href);
      expect([src, icon.status(), icon.headers()['content-type']]).toEqual([src, 200, type]);
    }
    expect((await page.request.get(new URL(start, url).href)).status()).toBe(200);
    expect(trouble).toEqual([]);
  });
});
