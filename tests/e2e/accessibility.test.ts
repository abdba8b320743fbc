import type { Locator } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { createRoom, createVisitor, sendMessage, type TestVisitor } from '../testkit/seed.js';
import { findings } from './support/axe.js';
import { openChat } from './support/chat.js';
import { useStage } from './support/stage.js';

const SOON = { timeout: 30_000 };
const PHONE = { viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true };
/** More marks on a letter than the server takes. */
const TOWER = `Z${'\u0316\u0317'.repeat(20)}algo`;

const hasFocus = (of: Locator) => of.evaluate((element) => element === document.activeElement);

describe('for everyone', () => {
  const stage = useStage();
  let visitor: TestVisitor;
  beforeAll(async () => {
    visitor = await createVisitor(stage.server.url());
  });

  it.each([
    ['light', 'en'],
    ['light', 'ko'],
    ['dark', 'en'],
    ['dark', 'ko'],
  ] as const)(
    'axe finds nothing in %s and %s: list, room, unsent messages, dialogs',
    async (theme, language) => {
      const name = `Axe ${theme} ${language}`;
      const roomId = await createRoom(stage.server.url(), visitor, name);
      const text = 'see https://example.com/path';
      await sendMessage(stage.server.url(), visitor, { roomId, text });
      const { page, trouble } = await stage.browser.openWindow(
        `${stage.server.url()}/client?lang=${language}`,
        {
          colorScheme: theme,
        },
      );
      await page.getByRole('link', { name }).waitFor();
      expect(await findings(page)).toEqual([]);
      await page.getByRole('link', { name }).click();
      await page.getByRole('log').getByText(text).waitFor();
      await page.context().setOffline(true);
      await page.getByRole('status', { name: language === 'ko' ? '오프라인' : 'Offline' }).waitFor();
      await page.locator('textarea').fill('on its way');
      await page.locator('textarea').press('Enter');
      await page.getByRole('article').filter({ hasText: 'on its way' }).getByRole('status').waitFor();
      expect(await findings(page)).toEqual([]);
      await page.getByRole('button', { name: language === 'ko' ? '내 이름' : 'You are' }).click();
      await page.getByRole('dialog').waitFor();
      expect(await findings(page)).toEqual([]);
      await page.keyboard.press('Escape');
      await page.getByRole('button', { name: language === 'ko' ? '새 방' : 'New room' }).click();
      await page.getByRole('dialog').waitFor();
      expect(await findings(page)).toEqual([]);
      expect(trouble.filter((line) => !line.includes('net::ERR_INTERNET_DISCONNECTED'))).toEqual([]);
    },
  );

  it('everything can be done by keyboard alone, and the focus comes back from a dialog', async () => {
    await createRoom(stage.server.url(), visitor, 'By keyboard');
    const { page, ...window } = await openChat(stage.browser, stage.server.url());
    const { keyboard } = page;
    const focused = () => page.evaluate(() => document.activeElement?.textContent ?? '');
    /** Goes there by Tab alone, or by Shift+Tab. */
    const tabTo = async (of: Locator, key = 'Tab') => {
      for (let turn = 0; turn < 12 && !(await hasFocus(of)); turn++) await keyboard.press(key);
      expect(await hasFocus(of)).toBe(true);
    };
    await window.roomLink('By keyboard').waitFor();
    const who = page.getByRole('button', { name: 'You are' });
    await tabTo(who);
    await keyboard.press('Enter');
    await page.getByRole('textbox', { name: 'Display name' }).waitFor();
    await tabTo(page.getByRole('textbox', { name: 'Display name' }));
    await keyboard.press('ControlOrMeta+a');
    await keyboard.type('Keys');
    await keyboard.press('Enter');
    await page.getByRole('button', { name: 'You are Keys' }).waitFor();
    await expect.poll(() => hasFocus(who), SOON).toBe(true);
    const newRoom = page.getByRole('button', { name: 'New room' });
    await tabTo(newRoom);
    await keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    await keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await expect.poll(focused, SOON).toBe('New room');
    await tabTo(page.getByRole('searchbox'), 'Shift+Tab');
    await keyboard.press('ArrowDown');
    const names = await window.roomNames();
    await expect.poll(focused, SOON).toContain(names[0]);
    await keyboard.press('ArrowDown');
    await expect.poll(focused, SOON).toContain(names[1]);
    await keyboard.press('End');
    await expect.poll(focused, SOON).toContain(names.at(-1));
    await keyboard.press('Home');
    await keyboard.press('ArrowUp');
    await expect.poll(() => page.evaluate(() => document.activeElement?.tagName), SOON).toBe('INPUT');
    await keyboard.type('keyboard');
    await expect.poll(() => window.roomNames(), SOON).toEqual(['By keyboard']);
    await keyboard.press('ArrowDown');
    await keyboard.press('Enter');
    await page.getByRole('heading', { name: 'By keyboard' }).waitFor();
    await expect.poll(() => page.evaluate(() => document.activeElement?.tagName), SOON).toBe('TEXTAREA');
    await keyboard.type('typed');
    await keyboard.press('Shift+Enter');
    await keyboard.type('twice');
    await keyboard.press('Enter');
    await expect.poll(() => window.texts(), SOON).toEqual(['typed\ntwice']);
    await tabTo(window.log, 'Shift+Tab');
  });

  it('the focus goes on where the reader does when what had it is gone', async () => {
    const roomId = await createRoom(stage.server.url(), visitor, 'Focus');
    for (let number = 1; number <= 40; number++) {
      await sendMessage(stage.server.url(), visitor, { roomId, text: `message ${number}` });
    }
    const { page, log, composer, ...window } = await openChat(stage.browser, stage.server.url(), {
      path: `/rooms/${roomId}`,
    });
    await window.message('message 40').waitFor();
    await log.focus();
    await page.keyboard.press('Home');
    const jump = page.getByRole('button', { name: 'Jump to newest' });
    await jump.press('Enter');
    await expect.poll(() => hasFocus(log), SOON).toBe(true);
    for (const text of [`one ${TOWER}`, `two ${TOWER}`]) await window.send(text);
    const [one, two] = [window.message(`one ${TOWER}`), window.message(`two ${TOWER}`)];
    const button = (of: Locator, name: string) => of.getByRole('button', { name });
    await button(two, 'Discard').waitFor();
    await button(one, 'Retry').press('Enter');
    await expect.poll(() => hasFocus(button(two, 'Retry')), SOON).toBe(true);
    await button(two, 'Discard').press('Enter');
    await button(one, 'Discard').press('Enter');
    await expect.poll(() => hasFocus(composer), SOON).toBe(true);
  });

  it('on a phone the focus goes from the list into a room and back, and no dialog stays open', async () => {
    await createRoom(stage.server.url(), visitor, 'Pocket');
    const { page, ...window } = await openChat(stage.browser, stage.server.url(), PHONE);
    await window.roomLink('Pocket').tap();
    await expect.poll(() => hasFocus(page.getByRole('heading', { name: 'Pocket' })), SOON).toBe(true);
    await page.getByRole('link', { name: 'All rooms' }).tap();
    await expect.poll(() => hasFocus(window.roomLink('Pocket')), SOON).toBe(true);
    await window.roomLink('Pocket').tap();
    const who = page.getByRole('button', { name: 'You are' });
    await who.tap();
    await page.getByRole('dialog').waitFor();
    await page.goBack();
    await window.roomLink('Pocket').waitFor();
    await expect.poll(() => page.getByRole('dialog').count(), SOON).toBe(0);
    await expect.poll(() => hasFocus(who), SOON).toBe(true);
  });
});
