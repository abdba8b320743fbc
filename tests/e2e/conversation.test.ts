import { describe, expect, it } from 'vitest';
import { startFaultProxy } from '../testkit/faults/proxy.js';
import { description, openChat } from './support/chat.js';
import { useStage } from './support/stage.js';

const SOON = { timeout: 20_000 };

describe('two windows', () => {
  const stage = useStage();

  it('talk to each other, in one order, without an error and without a request to anybody else', async () => {
    const ana = await openChat(stage.browser, stage.server.url());
    const bo = await openChat(stage.browser, stage.server.url());
    await ana.createRoom('Garden');
    await ana.page.getByRole('heading', { name: 'Garden' }).waitFor();
    await bo.openRoom('Garden');
    await ana.send('Hello from Ana');
    await bo.message('Hello from Ana').waitFor();
    await bo.send('Hello from Bo');
    await ana.message('Hello from Bo').waitFor();
    for (let turn = 0; turn < 5; turn++) {
      await ana.send(`ana ${turn}`);
      await bo.send(`bo ${turn}`);
    }
    await expect.poll(() => ana.texts(), SOON).toHaveLength(12);
    await expect.poll(() => bo.texts(), SOON).toHaveLength(12);
    await expect.poll(() => ana.log.getByRole('status').count(), SOON).toBe(0);
    expect(await ana.texts()).toEqual(await bo.texts());
    expect([...ana.trouble, ...bo.trouble]).toEqual([]);
  });

  it('are not cut off by what is around a text, nor by what they look for', async () => {
    const ana = await openChat(stage.browser, stage.server.url());
    await ana.createRoom('Wide');
    await ana.page.getByRole('heading', { name: 'Wide' }).waitFor();
    await ana.send(`hi${' '.repeat(70_000)}`);
    await ana.send('there');
    await expect.poll(() => ana.texts(), SOON).toEqual(['hi', 'there']);
    const search = ana.page.getByRole('searchbox', { name: 'Search rooms' });
    await search.focus();
    await ana.page.keyboard.insertText('x'.repeat(70_000));
    expect((await search.inputValue()).length).toBe(1000);
    await ana.send('still there');
    await ana.message('still there').waitFor();
    await expect.poll(() => ana.log.getByRole('status').count(), SOON).toBe(0);
  });

  it('talk over a slow network: nobody waits for it to write on, and each text arrives once and in order', async () => {
    const { hostname, port } = new URL(stage.server.url());
    const network = await startFaultProxy({ host: hostname, port: Number(port) });
    try {
      network.set({ latencyMs: 100, bandwidth: 100_000 });
      const ana = await openChat(stage.browser, `http://${network.host}:${network.port}`);
      const bo = await openChat(stage.browser, stage.server.url());
      await ana.createRoom('Far away');
      await ana.page.getByRole('heading', { name: 'Far away' }).waitFor();
      await bo.openRoom('Far away');
      network.set({ latencyMs: 500 });
      const texts = ['one', 'two', 'three'];
      for (const text of texts) await ana.send(text);
      // A second each, one after the other: what is shown is what was written, not what was answered.
      expect(await ana.texts()).toEqual(texts);
      await ana.message('three').getByRole('status', { name: 'Sending' }).waitFor();
      await expect.poll(() => bo.texts(), SOON).toEqual(texts);
      network.set({ latencyMs: 100 });
      await expect.poll(() => ana.log.getByRole('status').count(), SOON).toBe(0);
      expect(await ana.texts()).toEqual(texts);
      expect([...ana.trouble, ...bo.trouble]).toEqual([]);
    } finally {
      await network.close();
    }
  });

  it('see the room list move: a new room, its visitors, its newest message, unread', async () => {
    const ana = await openChat(stage.browser, stage.server.url());
    const bo = await openChat(stage.browser, stage.server.url());
    await ana.createRoom('Market');
    await bo.roomLink('Market 1 recent visitor').waitFor();
    await bo.openRoom('Market');
    await bo.roomLink('Market 2 recent visitors').waitFor();
    await bo.createRoom('Elsewhere');
    await bo.page.getByRole('heading', { name: 'Elsewhere' }).waitFor();
    await ana.send('News from the market');
    await bo.rooms
      .getByRole('link', { name: /^Market 2 recent visitors 1 unread .*: News from the market$/ })
      .waitFor();
    await bo.openRoom('Market');
    await bo.message('News from the market').waitFor();
    await expect.poll(() => bo.rooms.getByRole('link', { name: /unread/ }).count(), SOON).toBe(0);
    expect([...ana.trouble, ...bo.trouble]).toEqual([]);
  });

  it('offer to open the room that has a taken name', async () => {
    const ana = await openChat(stage.browser, stage.server.url());
    await ana.createRoom('Library');
    await ana.page.getByRole('heading', { name: 'Library' }).waitFor();
    const bo = await openChat(stage.browser, stage.server.url());
    await bo.createRoom('LIBRARY');
    const dialog = bo.page.getByRole('dialog', { name: 'New room' });
    await dialog.getByRole('alert').waitFor();
    await dialog.getByRole('link', { name: 'Open room' }).click();
    await bo.page.getByRole('heading', { name: 'Library' }).waitFor();
    expect(bo.page.url()).toBe(ana.page.url());
    expect(await bo.page.getByRole('dialog').count()).toBe(0);
  });

  it('show a new name on messages already sent', async () => {
    const ana = await openChat(stage.browser, stage.server.url());
    await ana.createRoom('Names');
    await ana.send('before');
    await ana.page.getByRole('button', { name: 'You are' }).click();
    const dialog = ana.page.getByRole('dialog');
    await dialog.getByRole('textbox', { name: 'Display name' }).fill('Ana Bell');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await ana.page.getByRole('button', { name: 'You are Ana Bell' }).waitFor();
    await ana.message('before').getByText('Ana Bell', { exact: true }).waitFor();
    const bo = await openChat(stage.browser, stage.server.url(), { path: `/rooms/${ana.roomId()}` });
    await bo.message('before').getByText('Ana Bell', { exact: true }).waitFor();
    await ana.page.reload();
    await ana.page.getByRole('button', { name: 'You are Ana Bell' }).waitFor();
    expect([...ana.trouble, ...bo.trouble]).toEqual([]);
  });

  it('are told when a name is refused', async () => {
    const ana = await openChat(stage.browser, stage.server.url());
    await ana.page.getByRole('button', { name: 'You are' }).click();
    const dialog = ana.page.getByRole('dialog');
    const field = dialog.getByRole('textbox', { name: 'Display name' });
    await field.fill('x'.repeat(41));
    expect(await field.getAttribute('aria-invalid')).toBe('false');
    await dialog.getByRole('button', { name: 'Save' }).click();
    const told = await dialog.getByRole('alert').textContent();
    expect(told).not.toBe('');
    expect(await description(field)).toBe(told);
    expect(await field.getAttribute('aria-invalid')).toBe('true');
    await ana.page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    expect(await ana.page.getByRole('button', { name: 'You are' }).textContent()).not.toContain('xxx');
  });

  it('show text as text, links as safe links, and lines as they were broken', async () => {
    const ana = await openChat(stage.browser, stage.server.url());
    await ana.createRoom('Text');
    await ana.send('<img src=x onerror="document.title=1"><b>bold</b> javascript:alert(1)');
    await ana.message('<img src=x onerror="document.title=1"><b>bold</b> javascript:alert(1)').waitFor();
    await ana.send('see https://example.com/path, please');
    const link = ana.log.getByRole('link');
    await link.waitFor();
    expect(await link.getAttribute('href')).toBe('https://example.com/path');
    expect((await link.getAttribute('rel'))?.split(' ')).toEqual(
      expect.arrayContaining(['noopener', 'noreferrer']),
    );
    await ana.composer.fill('one');
    await ana.composer.press('Shift+Enter');
    await ana.composer.pressSequentially('two');
    await ana.composer.press('Enter');
    await expect.poll(async () => (await ana.texts()).at(-1), SOON).toBe('one\ntwo');
    await ana.send('   ');
    await ana.send('after the empty one');
    await expect.poll(() => ana.texts(), SOON).toHaveLength(4);
    expect(ana.trouble).toEqual([]);
  });
});
