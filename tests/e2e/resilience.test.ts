import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { createRoom, createVisitor, readLog, sendMessage } from '../testkit/seed.js';
import { openChat, type ChatWindow } from './support/chat.js';
import { useStage } from './support/stage.js';

const SOON = { timeout: 60_000 };

/** Chromium itself writes these when a connection cannot be made. */
const UNREACHABLE = /^(WebSocket connection to '[^']+' failed|Failed to load resource: net::)/;
const unexpected = ({ trouble }: ChatWindow): string[] => trouble.filter((line) => !UNREACHABLE.test(line));

describe('whatever happens to the connection', () => {
  const stage = useStage('test');

  const sameAddress = () => ({ PORT: new URL(stage.server.url()).port });
  const stored = async (chat: ChatWindow) =>
    (await readLog(stage.server.url(), chat.roomId())).map(({ text }) => text);

  it('what is typed offline is shown at once and sent once, in order', async () => {
    const ana = await openChat(stage.browser, stage.server.url());
    await ana.createRoom('Offline');
    await ana.send('online');
    await ana.page.context().setOffline(true);
    await ana.connection('Offline').waitFor();
    for (const text of ['one', 'two', 'three']) await ana.send(text);
    expect(await ana.texts()).toEqual(['online', 'one', 'two', 'three']);
    await ana.message('two').getByRole('status', { name: 'Sending' }).waitFor();
    await ana.page.context().setOffline(false);
    await ana.connection('Connected').waitFor();
    await expect.poll(() => stored(ana), SOON).toEqual(['online', 'one', 'two', 'three']);
    await expect.poll(() => ana.log.getByRole('status').count(), SOON).toBe(0);
    expect(await ana.texts()).toEqual(['online', 'one', 'two', 'three']);
    expect(unexpected(ana)).toEqual([]);
  });

  it('what was typed while the server was down is sent after a reload', async () => {
    const ana = await openChat(stage.browser, stage.server.url());
    await ana.createRoom('Reload');
    await ana.page.getByRole('heading', { name: 'Reload' }).waitFor();
    const address = ana.page.url();
    await stage.server.kill();
    await ana.connection('Reconnecting').waitFor();
    await ana.send('kept');
    await ana.message('kept').waitFor();
    await ana.page.goto('about:blank');
    await stage.server.restart(sameAddress());
    await ana.page.goto(address);
    await ana.message('kept').waitFor();
    await expect.poll(() => stored(ana), SOON).toEqual(['kept']);
    await expect.poll(() => ana.log.getByRole('status').count(), SOON).toBe(0);
  });

  it.each(['SIGKILL', 'SIGTERM'] as const)(
    'a restart of the server (%s) heals by itself: nothing missing, nothing twice',
    async (signal) => {
      const ana = await openChat(stage.browser, stage.server.url());
      const bo = await openChat(stage.browser, stage.server.url());
      await ana.createRoom('Restart');
      await bo.openRoom('Restart');
      await ana.send('before');
      await bo.message('before').waitFor();
      const name = await ana.page.getByRole('button', { name: 'You are' }).textContent();
      const again = sameAddress();
      await stage.server.stop(signal);
      await ana.connection('Reconnecting').waitFor();
      await ana.send('while it was down');
      await ana.message('while it was down').waitFor();
      await stage.server.restart(again);
      await bo.message('while it was down').waitFor();
      await bo.send('after');
      await ana.message('after').waitFor();
      for (const window of [ana, bo]) {
        await window.connection('Connected').waitFor();
        expect(await window.texts()).toEqual(['before', 'while it was down', 'after']);
        expect(unexpected(window)).toEqual([]);
      }
      expect(await ana.page.getByRole('button', { name: 'You are' }).textContent()).toBe(name);
      expect(await stored(ana)).toEqual(['before', 'while it was down', 'after']);
    },
  );

  it('what others said meanwhile is there afterwards', async () => {
    const visitor = await createVisitor(stage.server.url());
    const roomId = await createRoom(stage.server.url(), visitor, 'Meanwhile');
    const ana = await openChat(stage.browser, stage.server.url(), { path: `/rooms/${roomId}` });
    await ana.page.getByRole('heading', { name: 'Meanwhile' }).waitFor();
    await ana.page.context().setOffline(true);
    await ana.connection('Offline').waitFor();
    for (let number = 1; number <= 60; number++) {
      await sendMessage(stage.server.url(), visitor, { roomId, text: `message ${number}` });
    }
    await ana.page.context().setOffline(false);
    await ana.message('message 60').waitFor();
    const texts = await ana.texts();
    expect(texts).toEqual(Array.from({ length: 60 }, (_, index) => `message ${index + 1}`));
  });

  it('a page that was asleep is whole again when it wakes', async () => {
    const visitor = await createVisitor(stage.server.url());
    const roomId = await createRoom(stage.server.url(), visitor, 'Sleep');
    const ana = await openChat(stage.browser, stage.server.url(), { path: `/rooms/${roomId}` });
    await ana.page.getByRole('heading', { name: 'Sleep' }).waitFor();
    const devtools = await ana.page.context().newCDPSession(ana.page);
    await devtools.send('Page.setWebLifecycleState', { state: 'frozen' });
    const again = sameAddress();
    await stage.server.kill();
    await stage.server.restart(again);
    for (const text of ['one', 'two', 'three'])
      await sendMessage(stage.server.url(), visitor, { roomId, text });
    await devtools.send('Page.setWebLifecycleState', { state: 'active' });
    await ana.message('three').waitFor();
    expect(await ana.texts()).toEqual(['one', 'two', 'three']);
  });

  it('two tabs are one visitor, and neither sends twice', async () => {
    const ana = await openChat(stage.browser, stage.server.url());
    await ana.createRoom('Tabs');
    await ana.send('from the first tab');
    await ana.message('from the first tab').waitFor();
    const who = await ana.page.getByRole('button', { name: 'You are' }).textContent();
    const tab = await ana.page.context().newPage();
    await tab.goto(ana.page.url());
    await tab.getByRole('textbox', { name: 'Message', exact: true }).fill('from the second tab');
    await tab.keyboard.press('Enter');
    await ana.message('from the second tab').waitFor();
    expect(await tab.getByRole('button', { name: 'You are' }).textContent()).toBe(who);
    expect(await stored(ana)).toEqual(['from the first tab', 'from the second tab']);
    expect(await ana.texts()).toEqual(['from the first tab', 'from the second tab']);
  });

  it('what one tab could not send yet another one sends, and both together send it once', async () => {
    const ana = await openChat(stage.browser, stage.server.url());
    await ana.createRoom('Two senders');
    await ana.page.getByRole('heading', { name: 'Two senders' }).waitFor();
    const sends: string[] = [];
    const listen = (page: Page, who: string) =>
      page.on('websocket', (socket) =>
        socket.on('framesent', ({ payload }) => {
          if (payload.includes('mutation SendMessage')) sends.push(who);
        }),
      );
    listen(ana.page, 'first tab');
    // This tab alone is offline, not its neighbour.
    const devtools = await ana.page.context().newCDPSession(ana.page);
    const network = (offline: boolean) =>
      devtools.send('Network.emulateNetworkConditions', {
        offline,
        latency: 0,
        downloadThroughput: -1,
        uploadThroughput: -1,
      });
    await devtools.send('Network.enable');
    await network(true);
    await ana.connection('Offline').waitFor();
    await ana.send('written in the first tab');
    await ana.message('written in the first tab').waitFor();
    const tab = await ana.page.context().newPage();
    listen(tab, 'second tab');
    await tab.goto(ana.page.url());
    await tab.getByRole('log').getByText('written in the first tab').waitFor();
    await expect.poll(() => stored(ana), SOON).toEqual(['written in the first tab']);
    await network(false);
    await ana.connection('Connected').waitFor();
    await expect.poll(() => ana.log.getByRole('status').count(), SOON).toBe(0);
    expect(await ana.texts()).toEqual(['written in the first tab']);
    expect(await tab.getByRole('log').getByRole('article').count()).toBe(1);
    expect(sends).toEqual(['second tab', 'first tab']);
    expect(await stored(ana)).toEqual(['written in the first tab']);
  });

  it('a token that the server does not take any more: a word about it, a fresh guest, and the chat goes on', async () => {
    const ana = await openChat(stage.browser, stage.server.url());
    await ana.createRoom('Expired');
    await ana.page.getByRole('heading', { name: 'Expired' }).waitFor();
    const before = await ana.page.getByRole('button', { name: 'You are' }).textContent();
    await stage.server.stop();
    const other = Buffer.alloc(32, 7).toString('base64url');
    await stage.server.restart({ ...sameAddress(), AUTH_KEYS: `other:${other}` });
    await ana.page.getByRole('alert').waitFor();
    await ana.connection('Connected').waitFor();
    await ana.send('as somebody else');
    await expect.poll(() => stored(ana), SOON).toEqual(['as somebody else']);
    await expect
      .poll(() => ana.page.getByRole('button', { name: 'You are' }).textContent(), SOON)
      .not.toBe(before);
  });

  it('a token that expired overnight: what may have arrived waits to be asked for, what was never tried is sent', async () => {
    const ana = await openChat(stage.browser, stage.server.url());
    await ana.createRoom('Overnight');
    await ana.page.getByRole('heading', { name: 'Overnight' }).waitFor();
    const address = ana.page.url();
    // Frozen, the server takes the message from the wire and says nothing of it.
    stage.server.pause();
    await ana.send('perhaps stored');
    await ana.message('perhaps stored').getByRole('status', { name: 'Sending' }).waitFor();
    const again = sameAddress();
    await stage.server.kill();
    await ana.connection('Reconnecting').waitFor();
    await ana.send('never tried');
    await ana.message('never tried').waitFor();
    await ana.page.goto('about:blank');
    const other = Buffer.alloc(32, 9).toString('base64url');
    await stage.server.restart({ ...again, AUTH_KEYS: `other:${other}` });
    await ana.page.goto(address);
    await ana.page.getByText('Your pass had expired').waitFor();
    const asked = ana.message('perhaps stored');
    await asked.getByRole('status', { name: 'Not sent' }).waitFor();
    await asked.getByText('It may have arrived.').waitFor();
    await expect.poll(() => stored(ana), SOON).toEqual(['never tried']);
    await ana.page.getByRole('button', { name: 'Close' }).click();
    expect(await ana.page.getByText('Your pass had expired').count()).toBe(0);
    await asked.getByRole('button', { name: 'Retry' }).click();
    await expect.poll(() => stored(ana), SOON).toEqual(['never tried', 'perhaps stored']);
    await expect.poll(() => ana.log.getByRole('status').count(), SOON).toBe(0);
    expect(unexpected(ana)).toEqual([]);
  });
});
