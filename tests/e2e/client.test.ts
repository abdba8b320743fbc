import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { foundation, type TestFoundation } from '../testkit/foundation.js';
import { createRoom, createVisitor, sendMessage, type TestVisitor } from '../testkit/seed.js';
import { spawnServer, type ServerChild } from '../testkit/server-child.js';
import { openBrowser, type Browser } from './support/browser.js';
import { openChat } from './support/chat.js';

const SOON = { timeout: 20_000 };
const PHONE = { viewport: { width: 360, height: 640 } };
const LONG_NAME = 'A room with a name that is as long as a name may be, which is eighty characters!';

describe('the web client', () => {
  let browser: Browser;
  let base: TestFoundation;
  let server: ServerChild;
  let visitor: TestVisitor;
  beforeAll(async () => {
    base = await foundation('embedded');
    // Below a path, as behind a proxy: everything must find its place there.
    const env = { ...base.env, BASE_PATH: '/chat' };
    [browser, server] = await Promise.all([openBrowser(), spawnServer({ env })]);
    await server.listening();
    visitor = await createVisitor(address());
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
    await base?.dispose();
  });

  const address = () => `${server.url()}/chat`;
  const fill = async (roomId: string, count: number) => {
    for (let number = 1; number <= count; number++) {
      await sendMessage(address(), visitor, { roomId, text: `message ${number}` });
    }
  };

  it('opens a room by its address, and says so when there is none', async () => {
    const roomId = await createRoom(address(), visitor, 'Deep link');
    const window = await openChat(browser, address(), { path: `/rooms/${roomId}` });
    await window.page.getByRole('heading', { name: 'Deep link' }).waitFor();
    await window.page.goto(`${address()}/client/rooms/nowhere`);
    await window.page.getByText('Room not found').waitFor();
    await window.page.goBack();
    await window.page.getByRole('heading', { name: 'Deep link' }).waitFor();
    await window.page.getByRole('link', { name: 'Madang' }).click();
    await window.page.getByText('Pick a room').waitFor();
    expect(new URL(window.page.url()).pathname).toBe('/chat/client');
    expect(window.trouble).toEqual([]);
  });

  it('fits a phone of 360 px without scrolling sideways: list, room, dialogs', async () => {
    const roomId = await createRoom(address(), visitor, LONG_NAME);
    await sendMessage(address(), visitor, { roomId, text: 'w'.repeat(400) });
    const phone = await openChat(browser, address(), PHONE);
    const width = () => phone.page.evaluate(() => document.documentElement.scrollWidth);
    await phone.roomLink(LONG_NAME).waitFor();
    expect(await width()).toBe(360);
    await phone.page.getByRole('button', { name: 'New room' }).click();
    expect(await width()).toBe(360);
    await phone.page.keyboard.press('Escape');
    await phone.openRoom(LONG_NAME);
    await phone.message('w'.repeat(400)).waitFor();
    expect(await width()).toBe(360);
    await phone.page.getByRole('link', { name: 'All rooms' }).click();
    await phone.roomLink(LONG_NAME).waitFor();
  });

  it('fits a screen that is magnified to 400 %, whatever is written: the room stays in view', async () => {
    const roomId = await createRoom(address(), visitor, 'Magnified');
    await sendMessage(address(), visitor, { roomId, text: 'read me' });
    const window = await openChat(browser, address(), {
      path: `/rooms/${roomId}`,
      viewport: { width: 320, height: 256 },
    });
    await window.message('read me').waitFor();
    await window.composer.fill(`a\n${'long '.repeat(300)}`);
    const height = () => window.page.evaluate(() => document.documentElement.scrollHeight);
    await expect.poll(height, SOON).toBe(256);
    // A line of text at least.
    expect((await window.log.boundingBox())?.height).toBeGreaterThan(60);
  });

  it('leaves a reader of older messages a line beside the button on the lowest screen that is magnified so', async () => {
    const roomId = await createRoom(address(), visitor, 'Lowest');
    for (let number = 1; number <= 20; number++) {
      await sendMessage(address(), visitor, { roomId, text: `message ${number}` });
    }
    const viewport = { width: 320, height: 180 };
    const { page, log, ...window } = await openChat(browser, address(), {
      path: `/rooms/${roomId}`,
      viewport,
    });
    await window.message('message 20').waitFor();
    await log.press('PageUp');
    await log.press('PageUp');
    const jump = page.getByRole('button', { name: 'Jump to newest' });
    await jump.waitFor();
    await sendMessage(address(), visitor, { roomId, text: 'news' });
    await page.getByRole('button', { name: 'Jump to newest 1 new message' }).waitFor();
    const top = (await log.boundingBox())?.y ?? NaN;
    const below = (await jump.boundingBox())?.y ?? NaN;
    expect(below - top).toBeGreaterThan(32);
  });

  it.each([
    { width: 400, height: 400 },
    { width: 320, height: 640 },
    { width: 360, height: 640 },
    { width: 800, height: 400 },
  ])(
    'fits letters of twice the size on $width × $height, with a draft: names and the room stay in view',
    async (viewport) => {
      const roomId = await createRoom(address(), visitor);
      await sendMessage(address(), visitor, { roomId, text: 'read me' });
      const window = await openChat(browser, address(), { path: `/rooms/${roomId}`, viewport });
      const devtools = await window.page.context().newCDPSession(window.page);
      // As the reader sets it for all pages, to which queries of the screen's size go too.
      await devtools.send('Page.setFontSizes', { fontSizes: { standard: 32 } });
      await window.message('read me').waitFor();
      await window.composer.fill('a draft\n'.repeat(9));
      const page = () =>
        window.page.evaluate(() => {
          const { scrollWidth: width, scrollHeight: height } = document.documentElement;
          return { width, height };
        });
      await expect.poll(page, SOON).toEqual(viewport);
      expect((await window.log.boundingBox())?.height).toBeGreaterThan(60);
      const heading = await window.page.getByRole('heading', { level: 1 }).boundingBox();
      expect(heading?.width).toBeGreaterThan(100);
      const author = await window.log.getByRole('article').locator('.message-author').boundingBox();
      expect(author?.width).toBeGreaterThan(100);
    },
  );

  it('follows the light or dark of the system', async () => {
    const colours = [];
    for (const colorScheme of ['light', 'dark'] as const) {
      const { page } = await openChat(browser, address(), { colorScheme });
      colours.push(await page.evaluate(() => getComputedStyle(document.body).backgroundColor));
    }
    expect(colours[0]).not.toBe(colours[1]);
  });

  it.each([
    ['?lang=ko', 'en-US', 'ko', '방 목록'],
    ['', 'ko-KR', 'ko', '방 목록'],
    ['?lang=en', 'ko-KR', 'en', 'Rooms'],
  ])('speaks the language of %s in a browser of %s', async (search, locale, language, name) => {
    const { page } = await browser.openWindow(`${address()}/client${search}`, { locale });
    await page.getByRole('navigation', { name, exact: true }).waitFor();
    expect(await page.evaluate(() => document.documentElement.lang)).toBe(language);
  });

  it('finds a room by its name', async () => {
    await createRoom(address(), visitor, 'Haystack');
    await createRoom(address(), visitor, 'Needle');
    const window = await openChat(browser, address());
    await window.roomLink('Haystack').waitFor();
    await window.page.getByRole('searchbox', { name: 'Search rooms' }).fill('NEED');
    await expect.poll(() => window.roomNames(), SOON).toEqual(['Needle']);
  });

  it('keeps the list still under the pointer, and moves it when the pointer leaves', async () => {
    const rooms = [];
    for (const name of ['Still one', 'Still two']) rooms.push(await createRoom(address(), visitor, name));
    const window = await openChat(browser, address());
    await window.page.getByRole('searchbox').fill('Still');
    await expect.poll(() => window.roomNames(), SOON).toHaveLength(2);
    const [upper, lower] = await window.roomNames();
    const row = window.roomLink(lower!);
    await row.hover();
    const before = await row.boundingBox();
    const lowerId = rooms[lower === 'Still one' ? 0 : 1]!;
    await sendMessage(address(), visitor, { roomId: lowerId, text: 'to the top' });
    await row.getByText('to the top').waitFor();
    const guests = [await openChat(browser, address()), await openChat(browser, address())];
    for (const guest of guests) await guest.openRoom(lower!);
    await window.rooms.getByRole('link', { name: new RegExp(`^${lower} 3 recent visitors`) }).waitFor();
    expect(await window.roomNames()).toEqual([upper, lower]);
    expect(await row.boundingBox()).toEqual(before);
    await window.page.mouse.move(900, 400);
    await expect.poll(() => window.roomNames(), SOON).toEqual([lower, upper]);
  });

  it('opens at the newest message, loads older ones without a jump, and offers the way back', async () => {
    const roomId = await createRoom(address(), visitor, 'History');
    await fill(roomId, 180);
    const window = await openChat(browser, address(), { path: `/rooms/${roomId}` });
    await window.message('message 180').waitFor();
    const jump = window.page.getByRole('button', { name: 'Jump to newest' });
    expect(await jump.count()).toBe(0);
    await window.log.hover();
    await expect
      .poll(async () => {
        await window.page.mouse.wheel(0, -2000);
        return window.message('message 1').count();
      }, SOON)
      .toBe(1);
    const watched = window.message('message 1');
    const before = await watched.boundingBox();
    await sendMessage(address(), visitor, { roomId, text: 'message 181' });
    await window.page.getByRole('button', { name: 'Jump to newest 1 new message' }).waitFor();
    expect(await watched.boundingBox()).toEqual(before);
    await jump.click();
    await window.message('message 181').waitFor();
    await expect.poll(() => jump.count(), SOON).toBe(0);
    expect(window.trouble).toEqual([]);
  });
});
