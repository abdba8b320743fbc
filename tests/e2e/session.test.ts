import { describe, expect, it } from 'vitest';
import { openChat } from './support/chat.js';
import { useStage } from './support/stage.js';

const SOON = { timeout: 30_000 };

describe('a visitor and its pages', () => {
  const stage = useStage();

  it('are one guest when the first two pages open at once', async () => {
    const { page: blank } = await stage.browser.openWindow(`${stage.server.url()}/livez`);
    const pages = await Promise.all([1, 2, 3].map(() => blank.context().newPage()));
    await Promise.all(pages.map((page) => page.goto(`${stage.server.url()}/client`)));
    const who = (page: typeof blank) => page.getByRole('button', { name: 'You are' }).textContent();
    const [first, ...others] = await Promise.all(pages.map(who));
    expect(others).toEqual([first, first]);
  });

  it('keep the colours that were chosen, whatever the system has', async () => {
    const { page } = await openChat(stage.browser, stage.server.url(), { colorScheme: 'light' });
    const colour = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await colour();
    await page.getByRole('button', { name: 'You are' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('radio', { name: 'Dark' }).check();
    const dark = await colour();
    expect(dark).not.toBe(light);
    await page.reload();
    await page.getByRole('button', { name: 'You are' }).waitFor();
    expect(await colour()).toBe(dark);
    await page.getByRole('button', { name: 'You are' }).click();
    await dialog.getByRole('radio', { name: 'As the system' }).check();
    expect(await colour()).toBe(light);
  });

  it('go on with whatever somebody left in the local store', async () => {
    const ana = await openChat(stage.browser, stage.server.url());
    await ana.createRoom('Corrupted');
    await ana.page.getByRole('heading', { name: 'Corrupted' }).waitFor();
    await ana.page.evaluate(async () => {
      for (const key of ['token', 'read']) localStorage.setItem(`/client/:madang.${key}`, '{"broken": [');
      localStorage.setItem('/client/:theme', 'purple');
      const names = await indexedDB.databases();
      for (const { name = '' } of names) {
        await new Promise<void>((resolve) => {
          const opening = indexedDB.open(name);
          opening.addEventListener('success', () => {
            const database = opening.result;
            const stores = Array.from(database.objectStoreNames);
            const writing = database.transaction(stores, 'readwrite');
            for (const store of stores) writing.objectStore(store).put({ nonsense: true }, 'broken');
            writing.addEventListener('complete', () => {
              database.close();
              resolve();
            });
          });
        });
      }
    });
    await ana.page.reload();
    await ana.connection('Connected').waitFor();
    await ana.send('still here');
    await expect.poll(() => ana.texts(), SOON).toEqual(['still here']);
    await expect.poll(() => ana.log.getByRole('status').count(), SOON).toBe(0);
    expect(ana.trouble).toEqual([]);
  });

  it('lose nothing of an over-long text that is pasted', async () => {
    const ana = await openChat(stage.browser, stage.server.url());
    await ana.createRoom('Pasted');
    await ana.page.getByRole('heading', { name: 'Pasted' }).waitFor();
    const text = 'word '.repeat(20_000).trim();
    await ana.composer.focus();
    await ana.page.keyboard.insertText(text);
    await ana.page.getByText('99,999 of at most 2,000 characters').waitFor();
    await ana.page.keyboard.press('Enter');
    expect((await ana.composer.inputValue()).trim()).toBe(text);
    expect(await ana.texts()).toEqual([]);
    await ana.page.reload();
    await ana.page.getByText('99,999 of at most 2,000 characters').waitFor();
    expect(await ana.composer.inputValue()).toBe(text);
  });
});
