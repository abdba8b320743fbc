import { describe, expect, it } from 'vitest';
import { foundation } from '../testkit/foundation.js';
import { readLog } from '../testkit/seed.js';
import { startServerChild } from '../testkit/server-child.js';
import { description, openChat } from './support/chat.js';
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

  it('hear at once of a new name that one of them was given', async () => {
    const { page } = await openChat(stage.browser, stage.server.url());
    const other = await page.context().newPage();
    await other.goto(page.url());
    await other.getByRole('button', { name: 'You are' }).waitFor();
    await page.getByRole('button', { name: 'You are' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('textbox', { name: 'Display name' }).fill('Two Windows');
    await dialog.getByRole('button', { name: 'Save' }).click();
    const called = (of: typeof page) => of.getByRole('button', { name: 'You are' }).textContent();
    await expect
      .poll(() => Promise.all([page, other].map(called)), SOON)
      .toEqual(['Two Windows', 'Two Windows']);
  });

  it('leave the dialog alone that was opened anew while the name of an earlier one was on its way', async () => {
    const { page } = await openChat(stage.browser, stage.server.url());
    const who = page.getByRole('button', { name: 'You are' });
    const field = page.getByRole('textbox', { name: 'Display name' });
    await who.click();
    await field.fill('Slow');
    stage.server.pause();
    try {
      await field.press('Enter');
      await page.keyboard.press('Escape');
      await who.click();
      await field.fill('Slower');
    } finally {
      stage.server.resume();
    }
    await page.getByRole('dialog', { name: 'You are Slow' }).waitFor();
    expect(await field.inputValue()).toBe('Slower');
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

  it('say that they have failed, and start afresh, when what is kept of the list is nonsense of the right form', async () => {
    const ana = await openChat(stage.browser, stage.server.url());
    await ana.createRoom('Nonsense');
    await ana.page.getByRole('heading', { name: 'Nonsense' }).waitFor();
    await ana.roomLink('Nonsense').waitFor();
    const address = ana.page.url();
    // What a page writes down when it goes comes before what the next one reads.
    await ana.page.goto(`${stage.server.url()}/livez`);
    await ana.page.evaluate(() => {
      const kept = JSON.parse(localStorage.getItem('/client/:cache') ?? '{}') as Record<string, string>;
      for (const key of Object.keys(kept)) if (key.endsWith('.name')) kept[key] = '{"nonsense":true}';
      localStorage.setItem('/client/:cache', JSON.stringify(kept));
    });
    await ana.page.goto(address);
    await ana.page.getByRole('heading', { name: 'Something in this page has failed.' }).waitFor();
    await ana.page.getByRole('button', { name: 'Reload' }).click();
    await ana.page.getByRole('heading', { name: 'Nonsense' }).waitFor();
    await expect.poll(() => ana.roomNames(), SOON).toContain('Nonsense');
  });

  it('lose nothing of an over-long text that is pasted', async () => {
    const ana = await openChat(stage.browser, stage.server.url());
    await ana.createRoom('Pasted');
    await ana.page.getByRole('heading', { name: 'Pasted' }).waitFor();
    const text = 'word '.repeat(20_000).trim();
    await ana.composer.focus();
    await ana.page.keyboard.insertText(text);
    await ana.page.getByRole('status').filter({ hasText: '99,999 of at most 2,000 characters' }).waitFor();
    expect(await description(ana.composer)).toBe('99,999 of at most 2,000 characters');
    expect(await ana.page.getByRole('button', { name: 'Send' }).isDisabled()).toBe(true);
    await ana.page.keyboard.press('Enter');
    expect((await ana.composer.inputValue()).trim()).toBe(text);
    expect(await ana.texts()).toEqual([]);
    await ana.page.reload();
    await ana.page.getByText('99,999 of at most 2,000 characters').waitFor();
    expect(await ana.composer.inputValue()).toBe(text);
  });

  it('send strange texts as they were written, nothing for spaces, and say why a tower of marks is refused', async () => {
    const ana = await openChat(stage.browser, stage.server.url());
    await ana.createRoom('Strange');
    await ana.page.getByRole('heading', { name: 'Strange' }).waitFor();
    const texts = [
      '\u{1f468}\u200d\u{1f469}\u200d\u{1f467} \u{1f1f0}\u{1f1f7}',
      'an override \u202eturned\u202c',
      'שלום',
    ];
    for (const text of texts) await ana.send(text);
    await ana.send('  \n \t ');
    const tower = `Z${'\u0316\u0317'.repeat(20)}algo`;
    await ana.send(tower);
    await ana.send('after it');
    const refused = ana.message(tower);
    await refused.getByRole('status', { name: 'Not sent' }).waitFor();
    expect(await refused.locator('footer').textContent()).toMatch(/combining marks/);
    await refused.getByRole('button', { name: 'Discard' }).click();
    await expect.poll(() => ana.texts(), SOON).toEqual([...texts, 'after it']);
    // What is turned around stays within its text: the time is where it is for the others.
    const times = await ana.log
      .locator('time')
      .evaluateAll((all) => all.map((each) => each.getBoundingClientRect().right));
    expect(new Set(times.map(Math.round)).size).toBe(1);
    expect(ana.trouble).toEqual([]);
  });

  it('say when sending goes on if they send too fast, and send everything once and in order', async () => {
    const own = await foundation('embedded');
    const strict = await startServerChild({ env: { ...own.env, RATE_LIMITS: 'on' } });
    try {
      const ana = await openChat(stage.browser, strict.url());
      await ana.createRoom('Hasty');
      await ana.page.getByRole('heading', { name: 'Hasty' }).waitFor();
      const texts = Array.from({ length: 11 }, (_, index) => `hasty ${index + 1}`);
      for (const text of texts) await ana.send(text);
      const told = await ana.page.getByRole('alert').textContent();
      expect(told).toMatch(/^Too many messages at once\. Sending goes on at \d{1,2}:\d\d:\d\d/);
      await expect
        .poll(async () => (await readLog(strict.url(), ana.roomId())).map(({ text }) => text), SOON)
        .toEqual(texts);
      await expect.poll(() => ana.page.getByRole('alert').count(), SOON).toBe(0);
      expect(ana.trouble).toEqual([]);
    } finally {
      await strict.stop();
      await own.dispose();
    }
  });
});
