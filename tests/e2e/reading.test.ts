import type { WebSocketRoute } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { createRoom, createVisitor, readLog, sendMessage, type TestVisitor } from '../testkit/seed.js';
import { openChat } from './support/chat.js';
import { useStage } from './support/stage.js';

const SOON = { timeout: 60_000 };
const DAY_MS = 86_400_000;

describe('reading a room', () => {
  const stage = useStage();
  let visitor: TestVisitor;
  beforeAll(async () => {
    visitor = await createVisitor(stage.server.url());
  });

  const fill = async (roomId: string, from: number, to: number) => {
    for (let number = from; number <= to; number++) {
      await sendMessage(stage.server.url(), visitor, { roomId, text: `message ${number}` });
    }
  };

  it.each([2, 40, 170])(
    'opens at the first of %i unread messages, with a marker before it',
    async (count) => {
      const roomId = await createRoom(stage.server.url(), visitor, `Unread ${count}`);
      await createRoom(stage.server.url(), visitor, `Away ${count}`);
      await fill(roomId, 1, 60);
      const window = await openChat(stage.browser, stage.server.url(), { path: `/rooms/${roomId}` });
      await window.message('message 60').waitFor();
      await window.openRoom(`Away ${count}`);
      await fill(roomId, 61, 60 + count);
      await window.rooms
        .getByRole('link', { name: new RegExp(`^Unread ${count} .* ${count} unread`) })
        .waitFor();
      await window.openRoom(`Unread ${count}`);
      const marker = window.log.getByRole('separator', { name: 'New messages' });
      await marker.waitFor();
      const top = async (of: typeof marker) => (await of.boundingBox())?.y ?? NaN;
      const log = await top(window.log);
      const [read, first] = [window.message('message 60'), window.message('message 61')];
      await expect.poll(async () => (await top(marker)) >= log, SOON).toBe(true);
      expect(await top(first)).toBeGreaterThan(await top(marker));
      expect(await top(first)).toBeLessThan(log + 400 + (count < 10 ? 400 : 0));
      expect(await top(read)).toBeLessThan(await top(marker));
      // A few are all in view, and so they are read; of more the button tells how many.
      const jump = window.page.getByRole('button', { name: `Jump to newest ${count} new messages` });
      if (count > 10) await jump.click();
      await window.message(`message ${60 + count}`).waitFor();
      await expect.poll(() => jump.count(), SOON).toBe(0);
      await expect.poll(() => window.rooms.getByRole('link', { name: /unread/ }).count(), SOON).toBe(0);
      await window.openRoom(`Away ${count}`);
      await window.openRoom(`Unread ${count}`);
      await window.message(`message ${60 + count}`).waitFor();
      expect(await marker.count()).toBe(0);
      expect(window.trouble).toEqual([]);
    },
  );

  it('shows a reader of older messages where those begin that it missed, of which the server skips some', async () => {
    const missed = 1200;
    const roomId = await createRoom(stage.server.url(), visitor, 'Missed');
    await fill(roomId, 1, 60);
    const window = await openChat(stage.browser, stage.server.url(), { path: `/rooms/${roomId}` });
    // Chromium's "offline" lets new sockets through, which the client tries to open now and then.
    const sockets = new Set<WebSocketRoute>();
    let away = false;
    await window.page.routeWebSocket(/graphql$/, (socket) => {
      if (away) {
        void socket.close();
      } else {
        socket.connectToServer();
        sockets.add(socket);
      }
    });
    await window.page.reload();
    await window.connection('Connected').waitFor();
    await window.message('message 60').waitFor();
    const jump = (count = '') => window.page.getByRole('button', { name: `Jump to newest${count}` });
    await window.log.hover();
    await window.page.mouse.wheel(0, -600);
    await jump().waitFor();
    away = true;
    await window.page.context().setOffline(true);
    for (const socket of sockets) await socket.close();
    await window.connection('Offline').waitFor();
    const one = (number: number) =>
      sendMessage(stage.server.url(), visitor, { roomId, text: `missed ${number}` });
    for (let sent = 0; sent < missed; sent += 20) {
      await Promise.all(Array.from({ length: 20 }, (_, index) => one(sent + index)));
    }
    away = false;
    await window.page.context().setOffline(false);
    await jump(' 1,200 new messages').waitFor();
    const marker = window.log.getByRole('separator', { name: 'New messages' });
    await marker.waitFor();
    const unread = window.rooms.getByRole('link', { name: /^Missed .* 1,200 unread/ });
    await unread.waitFor();
    const history = (await readLog(stage.server.url(), roomId)).map(({ text }) => text);
    const shown = await window.texts();
    const from = history.indexOf(shown[0] ?? '');
    expect(history.slice(from, from + shown.length)).toEqual(shown);
    await jump().click();
    await window.message(history.at(-1) ?? '').waitFor();
    await expect.poll(() => unread.count(), SOON).toBe(0);
  });

  it('holds what is read and a bounded number behind it in a busy room, counts the others, and leads to them', async () => {
    const roomId = await createRoom(stage.server.url(), visitor, 'Busy');
    await fill(roomId, 1, 60);
    const window = await openChat(stage.browser, stage.server.url(), { path: `/rooms/${roomId}` });
    const jump = (count = '') => window.page.getByRole('button', { name: `Jump to newest${count}` });
    const flood = async (from: number, to: number) => {
      for (let number = from; number <= to; number += 20) {
        const numbers = Array.from({ length: 20 }, (_, index) => number + index);
        await Promise.all(
          numbers.map((one) => sendMessage(stage.server.url(), visitor, { roomId, text: `busy ${one}` })),
        );
      }
    };
    const height = () => window.log.evaluate((log) => log.scrollHeight);
    const place = async () => {
      const log = (await window.log.boundingBox())?.y ?? NaN;
      const articles = await window.log.getByRole('article').all();
      const places = await Promise.all(
        articles.map(async (article) => ({
          y: (await article.boundingBox())?.y ?? NaN,
          text: await article.getByRole('paragraph').textContent(),
        })),
      );
      return places.find(({ y }) => y >= log);
    };
    const expectNoHole = async () => {
      const history = (await readLog(stage.server.url(), roomId)).map(({ text }) => text);
      const shown = await window.texts();
      const from = history.indexOf(shown[0] ?? '');
      expect(history.slice(from, from + shown.length)).toEqual(shown);
    };
    await window.message('message 60').waitFor();
    await window.log.hover();
    await window.page.mouse.wheel(0, -600);
    await jump().waitFor();
    await flood(1, 1040);
    await jump(' 1,040 new messages').waitFor();
    const [held, read] = [await height(), await place()];
    await flood(1041, 1200);
    await jump(' 1,200 new messages').waitFor();
    expect(await height()).toBe(held);
    expect(await place()).toEqual(read);
    await window.rooms.getByRole('link', { name: /^Busy .* 1,200 unread/ }).waitFor();

    // Further down the others come by page, and none is left out.
    await window.log.focus();
    await expect
      .poll(async () => {
        await window.page.keyboard.press('End');
        await expectNoHole();
        return (await height()) > held && (await window.message('busy 1060').count());
      }, SOON)
      .toBe(1);
    expect(await jump().count()).toBe(1);
    await jump().click();
    await window.message('busy 1200').waitFor();
    await expect.poll(() => jump().count(), SOON).toBe(0);
    // What came while older ones were read is nothing to announce, where it is led to.
    const live = (text: string) => window.message(text).getAttribute('aria-live');
    expect(await live('busy 1200')).toBe('off');
    await expect.poll(() => window.rooms.getByRole('link', { name: /unread/ }).count(), SOON).toBe(0);
    await flood(1201, 1220);
    await window.message('busy 1220').waitFor();
    expect(await live('busy 1220')).toBeNull();
    await expectNoHole();
    expect(await jump().count()).toBe(0);

    // Who reads up to the newest follows them again.
    await window.page.mouse.wheel(0, -600);
    await jump().waitFor();
    await flood(1221, 2260);
    await jump(' 1,040 new messages').waitFor();
    await expect
      .poll(async () => {
        await window.page.keyboard.press('End');
        return jump().count();
      }, SOON)
      .toBe(0);
    await flood(2261, 2280);
    await window.message('busy 2280').waitFor();
    await expectNoHole();
    expect(window.trouble).toEqual([]);
  });

  it('prints the messages below one another, on white, without what is around them', async () => {
    const roomId = await createRoom(stage.server.url(), visitor, 'On paper');
    await fill(roomId, 1, 60);
    const path = `/rooms/${roomId}`;
    const { page, log, composer, ...window } = await openChat(stage.browser, stage.server.url(), { path });
    await window.message('message 60').waitFor();
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
    await expect.poll(() => composer.isVisible(), SOON).toBe(false);
    expect(await window.rooms.isVisible()).toBe(false);
    expect(await page.evaluate(() => getComputedStyle(document.body).color)).toBe('rgb(0, 0, 0)');
    const shown = await log
      .getByRole('article')
      .evaluateAll((lines) =>
        lines.map((line) => line.getBoundingClientRect()).map(({ top, bottom }) => ({ top, bottom })),
      );
    expect(shown.length).toBeGreaterThan(40);
    const edges = shown.flatMap(({ top, bottom }) => [top, bottom]);
    expect(edges).toEqual(edges.toSorted((a, b) => a - b));
    const whole = await log.boundingBox();
    expect(whole?.height).toBeGreaterThan((edges.at(-1) ?? 0) - (edges[0] ?? 0));
    expect(window.trouble).toEqual([]);
  });

  it('knows of another day soon after the machine has woken, though no timer ran while it slept', async () => {
    const roomId = await createRoom(stage.server.url(), visitor, 'Overnight');
    await fill(roomId, 1, 1);
    const { page, log, ...window } = await openChat(stage.browser, stage.server.url());
    const days = () => log.getByRole('heading').allTextContents();
    await page.clock.install();
    await window.openRoom('Overnight');
    await expect.poll(days, SOON).toEqual(['Today']);
    await page.clock.pauseAt(Date.now() + 60_000);
    await page.clock.setSystemTime(Date.now() + DAY_MS);
    await page.clock.runFor(60_000);
    await expect.poll(days, SOON).toEqual(['Yesterday']);
  });

  it('tells times and days by the clock of where the machine has gone', async () => {
    const roomId = await createRoom(stage.server.url(), visitor, 'Travelling');
    await fill(roomId, 1, 1);
    const { page, log, ...window } = await openChat(stage.browser, stage.server.url());
    const devtools = await page.context().newCDPSession(page);
    const times = () => log.getByRole('time').allTextContents();
    /** What they are there. */
    const timesIn = (timeZone: string) =>
      log.getByRole('time').evaluateAll((shown, zone) => {
        const style = { hour: '2-digit', minute: '2-digit', timeZone: zone } as const;
        const sent = shown.map((each) => new Date(each.getAttribute('datetime') ?? ''));
        return sent.map((date) => date.toLocaleTimeString('en-US', style));
      }, timeZone);
    const [from, to] = ['Pacific/Kiritimati', 'Pacific/Midway'];
    await devtools.send('Emulation.setTimezoneOverride', { timezoneId: from });
    await page.clock.install();
    await page.reload();
    await window.openRoom('Travelling');
    await window.message('message 1').waitFor();
    await expect.poll(times, SOON).toEqual(await timesIn(from));
    await devtools.send('Emulation.setTimezoneOverride', { timezoneId: '' });
    await devtools.send('Emulation.setTimezoneOverride', { timezoneId: to });
    await page.clock.runFor(60_000);
    await expect.poll(times, SOON).toEqual(await timesIn(to));
    await fill(roomId, 2, 2);
    await window.message('message 2').waitFor();
    await expect.poll(times, SOON).toEqual(await timesIn(to));
    expect(window.trouble).toEqual([]);
  });
});
