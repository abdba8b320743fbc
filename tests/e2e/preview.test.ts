import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BrowserContextOptions, Locator, Page } from 'playwright-core';
import { createServer, type ViteDevServer } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SCENES } from '../../client/preview/scenes.js';
import { findings } from './support/axe.js';
import { openBrowser, type Browser } from './support/browser.js';

/** What each scene is there to show. */
const SEEN: Readonly<Record<string, string>> = {
  rooms: '1,234 recent visitors',
  'no-rooms': 'No rooms yet. Create the first one.',
  loading: 'Loading …',
  'empty-room': 'This is where the room begins.',
  conversation: 'This message was removed.',
  unread: 'Seven o’clock, then.',
  'long-names': 'A name may have forty characters.',
  'ten-thousand': 'message 10000',
  unsent: 'You were another guest when this was sent. It may have arrived.',
  paused: 'Too many messages at once.',
  reconnecting: '2 messages wait',
  offline: 'Offline',
  'offline-start': 'This is what was read last.',
  closed: 'Disconnected',
  'not-found': 'Room not found',
  failed: 'This room cannot be followed any more.',
  'new-guest': 'Your pass had expired',
};
/** The scenes whose parts are others on a phone than on a wide screen. */
const OTHERWISE_ON_A_PHONE = new Set(['rooms', 'conversation', 'not-found']);
const TOUCH_PX = 44;
const PHONE = { viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true };

/** What can be touched and is too small for a finger. A link in a sentence is as large as its words. */
const smallTargets = (page: Page) =>
  page.evaluate((least) => {
    const targets = Array.from(document.querySelectorAll<HTMLElement>('button, a[href], input, textarea'));
    return targets
      .filter((element) => element.checkVisibility() && element.closest('p') === null)
      .map((element) => ({ element, box: (element.closest('label') ?? element).getBoundingClientRect() }))
      .filter(({ box }) => Math.min(box.width, box.height) < least - 0.5)
      .map(({ element, box }) => `${element.outerHTML.slice(0, 120)} ${box.width}x${box.height}`);
  }, TOUCH_PX);

/** Texts of messages that are not as a whole in the list's width. */
const cutTexts = (page: Page) =>
  page.evaluate(() => {
    const { left = 0, right = 0 } = document.querySelector('[role=log]')?.getBoundingClientRect() ?? {};
    return Array.from(document.querySelectorAll('article p'))
      .map((element) => ({ text: element.textContent, box: element.getBoundingClientRect() }))
      .filter(({ box }) => box.left < left || box.right > right)
      .map(({ text }) => text);
  });

describe('the preview of npm run dev', () => {
  let browser: Browser;
  let server: ViteDevServer;
  let cacheDir = '';
  beforeAll(async () => {
    cacheDir = await mkdtemp(join(tmpdir(), 'madang-vite-'));
    server = await createServer({
      configFile: 'client/vite.config.ts',
      logLevel: 'silent',
      cacheDir,
      // Port 9 answers nobody: the client itself is only to be there.
      server: {
        host: '127.0.0.1',
        port: 0,
        proxy: { '/graphql': { target: 'http://127.0.0.1:9', ws: true } },
      },
    });
    [browser] = await Promise.all([openBrowser(), server.listen()]);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    await rm(cacheDir, { recursive: true, force: true });
  });

  const address = () => `http://127.0.0.1:${(server.httpServer!.address() as AddressInfo).port}/client`;

  async function open(options: BrowserContextOptions, search = '') {
    const { page, trouble } = await browser.openWindow(`${address()}/preview.html${search}`, options);
    await page.getByRole('heading', { name: 'Preview' }).waitFor();
    return {
      page,
      trouble,
      show: async (scene: string) => {
        await page.evaluate((name) => {
          window.location.hash = name;
        }, scene);
        await page.locator(`html[data-scene="${scene}"]`).waitFor();
        await page.locator('.app').waitFor();
      },
    };
  }

  it('shows every state on a phone of 360 px: as it should be, nothing wider, nothing too small to touch', async () => {
    expect(Object.keys(SEEN)).toEqual(Object.keys(SCENES));
    const { page, trouble, show } = await open(PHONE);
    for (const [scene, text] of Object.entries(SEEN)) {
      await show(scene);
      await page.getByText(text).filter({ visible: true }).first().waitFor();
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      const found = OTHERWISE_ON_A_PHONE.has(scene) ? await findings(page) : [];
      const small = await smallTargets(page);
      const cut = await cutTexts(page);
      expect({ scene, width, small, found, cut }).toEqual({
        scene,
        width: 360,
        small: [],
        found: [],
        cut: [],
      });
    }
    expect(trouble).toEqual([]);
  });

  it('has nothing that axe objects to on a wide screen, in the dark and in Korean', async () => {
    const { page, trouble, show } = await open({ colorScheme: 'dark' }, '?lang=ko');
    for (const scene of Object.keys(SEEN)) {
      await show(scene);
      expect({ scene, found: await findings(page) }).toEqual({ scene, found: [] });
    }
    expect(trouble).toEqual([]);
  });

  it('keeps a removed message in its place, and tells when and why something is refused', async () => {
    const { page, show } = await open({});
    await show('conversation');
    const texts = page.getByRole('log').getByRole('article').getByRole('paragraph');
    await expect
      .poll(async () => (await texts.allTextContents()).slice(1, 4), { timeout: 20_000 })
      .toEqual([
        'They look lovely from the bridge.',
        'This message was removed.',
        'I bring six cups,\nand a lamp.',
      ]);
    const create = async () => {
      await page.getByRole('button', { name: 'New room' }).click();
      await page.getByRole('textbox', { name: 'Room name' }).fill('Another');
      await page.getByRole('button', { name: 'Create' }).click();
      const told = await page.getByRole('dialog').getByRole('alert').textContent();
      await page.keyboard.press('Escape');
      return told?.trim();
    };
    expect(await create()).toBe('Too many at once. Try again in 5 seconds.');
    await show('offline');
    expect(await create()).toBe('There is no connection right now. Try again when it is back.');
  });

  it('says below the search that there is no room, and shows the open one in colours of the system', async () => {
    const { page, show } = await open({ forcedColors: 'active' });
    await show('no-rooms');
    const { y = NaN } = (await page.getByText('No rooms yet.').boundingBox()) ?? {};
    const { bottom } = await page
      .getByRole('searchbox')
      .evaluate((element) => element.getBoundingClientRect().toJSON() as DOMRect);
    expect(y - bottom).toBeLessThan(50);
    await show('conversation');
    const border = (of: Locator) => of.evaluate((element) => getComputedStyle(element).borderTopWidth);
    const rooms = page.getByRole('navigation', { name: 'Rooms' });
    expect(await border(rooms.getByRole('link', { name: 'Courtyard' }))).toBe('2px');
    expect(await border(rooms.getByRole('link', { name: 'Music' }))).toBe('0px');
    expect(await border(page.getByText('The lanterns are up.', { exact: true }))).toBe('1px');
  });

  it('stands beside the client itself, with the address that the server gives it', async () => {
    const { page } = await browser.openWindow(`${address()}?lang=ko`);
    await page.getByRole('navigation', { name: '방 목록' }).waitFor();
    expect(new URL(page.url()).pathname).toBe('/client');
  });
});
