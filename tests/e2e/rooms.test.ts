import { setTimeout as sleep } from 'node:timers/promises';
import type { Locator } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { SLACK } from '../faults/scenario.js';
import { ask } from '../testkit/graphql-client.js';
import { createRoom, createVisitor, sendMessage, type TestVisitor } from '../testkit/seed.js';
import { openChat } from './support/chat.js';
import { useStage } from './support/stage.js';

const SOON = { timeout: 30_000 };
const MOVING = 10;
const MOVES = 500;
const MOVE_EVERY_MS = 10;
const RIGHT_AGAIN_MS = 1000;
const VISIT = /* GraphQL */ `
  mutation ($roomId: ID!) {
    visitRoom(input: { roomId: $roomId }) {
      userErrors {
        code
      }
    }
  }
`;
const ORDER = /* GraphQL */ `
  query {
    rooms(first: 100) {
      nodes {
        name
        recentVisitorCount
      }
    }
  }
`;

const wait = (ms: number): Promise<void> => (ms > 0 ? sleep(ms) : Promise.resolve());

/** Looks at an element in every frame; the returned function gives the boxes that it had. */
async function watchBox(row: Locator): Promise<() => Promise<readonly string[]>> {
  const boxes = await row.evaluateHandle((element) => {
    const seen = new Set<string>();
    const look = () => {
      seen.add(JSON.stringify(element.getBoundingClientRect()));
      requestAnimationFrame(look);
    };
    look();
    return seen;
  });
  return () => boxes.evaluate((seen) => [...seen]);
}

describe('the list of rooms', () => {
  const stage = useStage('describe', { env: { RANKING_INTERVAL_MS: '50' } });
  let visitor: TestVisitor;
  beforeAll(async () => {
    visitor = await createVisitor(stage.server.url());
  });

  const visit = (roomId: string, by: TestVisitor) =>
    ask(stage.server.url(), VISIT, { roomId }, { token: by.token });

  it('does not move a row under the pointer at 100 moves a second, and is right within a second afterwards', async () => {
    const ids: string[] = [];
    for (let number = 1; number <= MOVING; number++)
      ids.push(await createRoom(stage.server.url(), visitor, `Moving ${number}`));
    const crowd = await Promise.all(
      Array.from({ length: MOVES / MOVING }, () => createVisitor(stage.server.url())),
    );
    const window = await openChat(stage.browser, stage.server.url());
    await expect.poll(() => window.roomNames(), SOON).toHaveLength(MOVING);
    const row = window.roomLink('Moving 4 ');
    await row.hover();
    const held = await window.roomNames();
    const boxes = await watchBox(row);
    // Each visit takes a room past all that have not had it: the order is another one after each.
    // The last rooms go without the last one, or all would be level again.
    const moves = crowd.flatMap((by) => ids.map((roomId) => ({ roomId, by }))).slice(0, -3);
    const started = performance.now();
    const visits = moves.map(async ({ roomId, by }, index) => {
      await wait(started + index * MOVE_EVERY_MS - performance.now());
      await visit(roomId, by);
    });
    await Promise.all(visits);
    // The row shows its present state all the while, in its place.
    await row.getByText(`${crowd.length + 1} recent visitors`).waitFor();
    expect(await boxes()).toHaveLength(1);
    expect(await window.roomNames()).toEqual(held);
    const list = async () => {
      const { rooms } = await ask<{
        rooms: { nodes: readonly { name: string; recentVisitorCount: number }[] };
      }>(stage.server.url(), ORDER, {});
      return rooms.nodes;
    };
    const order = async () => (await list()).map(({ name }) => name);
    // A list may be an interval old: the order is right when it counts all visits.
    const counted = async () => (await list()).reduce((sum, room) => sum + room.recentVisitorCount, 0);
    await expect.poll(counted, SOON).toBe(moves.length + MOVING);
    const right = await order();
    expect(right).not.toEqual(held);
    await window.page.mouse.move(900, 400);
    const left = performance.now();
    await expect.poll(() => window.roomNames(), SOON).toEqual(right);
    expect(performance.now() - left).toBeLessThanOrEqual(RIGHT_AGAIN_MS * SLACK);
    expect(await order()).toEqual(right);
  });

  it('glides to its new order, unless the reader asked for calm', async () => {
    const room = await createRoom(stage.server.url(), visitor, 'Upwards');
    const windows = await Promise.all(
      (['no-preference', 'reduce'] as const).map((reducedMotion) =>
        openChat(stage.browser, stage.server.url(), { reducedMotion }),
      ),
    );
    const guests = await Promise.all(Array.from({ length: 60 }, () => createVisitor(stage.server.url())));
    for (const window of windows) {
      await window.roomLink('Upwards').waitFor();
      await window.page.evaluate(() => {
        const { animate } = Element.prototype;
        document.documentElement.dataset['glides'] = '0';
        Element.prototype.animate = function count(this: Element, ...args) {
          document.documentElement.dataset['glides'] = String(
            Number(document.documentElement.dataset['glides']) + 1,
          );
          return animate.apply(this, args);
        };
      });
    }
    await Promise.all(guests.map((guest) => visit(room, guest)));
    const glides = [];
    for (const window of windows) {
      await expect.poll(async () => (await window.roomNames())[0], SOON).toBe('Upwards');
      glides.push(await window.page.evaluate(() => Number(document.documentElement.dataset['glides'])));
    }
    expect(glides[0]).toBeGreaterThan(0);
    expect(glides[1]).toBe(0);
  });

  it('goes on below the first hundred, whose counts stay live in an open room', async () => {
    const quiet = await createRoom(stage.server.url(), visitor, 'Seldom seen');
    const bottom = await createRoom(stage.server.url(), visitor, 'The oldest of all');
    const crowd = await createVisitor(stage.server.url());
    for (let number = 1; number <= 130; number++) {
      await visit(await createRoom(stage.server.url(), visitor, `Many ${number}`), crowd);
    }
    const window = await openChat(stage.browser, stage.server.url(), { path: `/rooms/${bottom}` });
    await window.page.getByRole('heading', { name: 'The oldest of all' }).waitFor();
    await window.rooms.getByRole('link').first().hover();
    await expect
      .poll(async () => {
        await window.page.mouse.wheel(0, 4000);
        return window.roomLink('The oldest of all').count();
      }, SOON)
      .toBe(1);
    const names = await window.roomNames();
    expect(new Set(names).size).toBe(names.length);
    const all = names.length;
    expect(all).toBe(MOVING + 133);
    // Down there nothing is live, but what is in view is read again.
    expect(names.indexOf('Seldom seen')).toBeGreaterThan(100);
    await window.roomLink('Seldom seen').scrollIntoViewIfNeeded();
    await sendMessage(stage.server.url(), visitor, { roomId: quiet, text: 'from below' });
    await window.roomLink('Seldom seen').getByText('from below').waitFor();
    const other = await openChat(stage.browser, stage.server.url(), { path: `/rooms/${bottom}` });
    await other.page.getByRole('heading', { name: 'The oldest of all' }).waitFor();
    await window.page.getByText('2 online').waitFor();
    expect(window.trouble).toEqual([]);

    // A search knows what was read, and the whole name of what was not.
    const search = other.page.getByRole('searchbox', { name: 'Search rooms' });
    const further = other.page.getByRole('button', { name: 'Search further' });
    await search.fill('SELDOM SEEN');
    await expect.poll(() => other.roomNames(), SOON).toEqual(['Seldom seen']);
    await other.page.getByText('Searched in the first 100 rooms.').waitFor();
    await search.fill('eldom see');
    await other.page
      .getByText('No room is called this, and none of the first 100 has it in its name.')
      .waitFor();
    expect(await other.page.getByText('No room has this name.').count()).toBe(0);
    await further.click();
    await expect.poll(() => other.roomNames(), SOON).toEqual(['Seldom seen']);
    await expect.poll(() => further.count(), SOON).toBe(0);
    await search.fill('nowhere to be found');
    await other.page.getByRole('status').filter({ hasText: 'No room has this name.' }).waitFor();
    await search.fill('');
    await expect.poll(async () => (await other.roomNames()).length, SOON).toBe(all);
    expect(other.trouble).toEqual([]);
  });

  it('leaves the arrows to the input method while something is composed in the search', async () => {
    await createRoom(stage.server.url(), visitor, 'み');
    const { page, roomLink } = await openChat(stage.browser, stage.server.url());
    const search = page.getByRole('searchbox', { name: 'Search rooms' });
    await search.focus();
    const isFocused = () => search.evaluate((field) => field === document.activeElement);
    const devtools = await page.context().newCDPSession(page);
    await devtools.send('Input.imeSetComposition', { text: 'み', selectionStart: 1, selectionEnd: 1 });
    await roomLink('み').waitFor();
    // As browsers on a Mac tell it.
    const key = { key: 'ArrowDown', code: 'ArrowDown', windowsVirtualKeyCode: 229 };
    await devtools.send('Input.dispatchKeyEvent', { type: 'rawKeyDown', ...key });
    await devtools.send('Input.dispatchKeyEvent', { type: 'keyUp', ...key });
    expect(await isFocused()).toBe(true);
    await devtools.send('Input.insertText', { text: 'み' });
    await page.keyboard.press('ArrowDown');
    await expect.poll(isFocused, SOON).toBe(false);
  });

  it('says when it cannot be followed, and not that there is no room', async () => {
    await createRoom(stage.server.url(), visitor, 'There all the same');
    const { page } = await stage.browser.openWindow(`${stage.server.url()}/livez`);
    let refusing = true;
    // As a server of another version may refuse it.
    const refusal = { message: 'No.', extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } };
    await page.routeWebSocket(/graphql$/, (socket) => {
      const server = socket.connectToServer();
      socket.onMessage((frame) => {
        const { id } = JSON.parse(String(frame)) as { id?: string };
        if (!refusing || !String(frame).includes('query RoomList')) server.send(frame);
        else socket.send(JSON.stringify({ id, type: 'error', payload: [refusal] }));
      });
    });
    await page.goto(`${stage.server.url()}/client`);
    const nav = page.getByRole('navigation', { name: 'Rooms' });
    await nav.getByText('This list cannot be followed any more.').waitFor();
    expect(await nav.getByText('No rooms yet.').count()).toBe(0);
    refusing = false;
    await nav.getByRole('button', { name: 'Reload' }).click();
    await nav.getByRole('link').first().waitFor();
    expect(await nav.getByRole('button', { name: 'Reload' }).count()).toBe(0);
  });
});
