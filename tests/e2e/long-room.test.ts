import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { createRoom, createVisitor, readLog, sendMessage, type TestVisitor } from '../testkit/seed.js';
import { openChat, type ChatWindow } from './support/chat.js';
import { useStage } from './support/stage.js';

const SOON = { timeout: 30_000 };
/** So long may thousands of messages take that are sent and read through, up and down, on a busy machine. */
const LONG = { timeout: 400_000 };
const MESSAGES = 400;
const AT_ONCE = 20;
/** A turn of the wheel, in CSS pixels; less than a view, so that what is at its top stays in view. */
const TURN_PX = 200;
const TURNS = 36;

/** From one line to seven: nothing may be put right by an estimate. */
const textOf = (number: number): string =>
  `message ${number}${'\nanother line'.repeat(number % 11 === 0 ? 6 : (number * 7) % 4)}`;

/**
 * Watches, frame by frame, how far the first message in view moves from where it is now: every place where it was seen,
 * in pixels, that is a pixel or more from the one before it, until it stayed at one for `frames` in a row, which is another than the first if it is to `move`.
 */
const movements = (page: Page, { move, frames }: { move: boolean; frames: number }) =>
  page.evaluate(
    ([toMove, wanted]) =>
      new Promise<number[]>((resolve) => {
        const log = document.querySelector('[role=log]');
        const view = log?.getBoundingClientRect().top ?? 0;
        const articles = [...(log?.querySelectorAll('article') ?? [])];
        const watched = articles.find((article) => article.getBoundingClientRect().top >= view);
        const top = () => watched?.getBoundingClientRect().top ?? Number.NaN;
        const start = top();
        const seen = [0];
        let still = 0;
        const look = () => {
          const moved = watched?.isConnected === true ? top() - start : -9999;
          // Less than a pixel is what the browser rounds.
          still = Math.abs(moved - (seen.at(-1) ?? 0)) < 1 ? still + 1 : 0;
          if (still === 0) seen.push(moved);
          if (still >= wanted && (seen.length > 1 || !toMove)) resolve(seen);
          else requestAnimationFrame(look);
        };
        look();
      }),
    [move, frames] as const,
  );

describe('a long room', LONG, () => {
  // A turn of the wheel is one step, so that every other movement is a jump.
  const stage = useStage('describe', { switches: ['--disable-smooth-scrolling'] });
  let visitor: TestVisitor;
  let window: ChatWindow;
  let roomId: string;
  beforeAll(async () => {
    visitor = await createVisitor(stage.server.url());
    roomId = await createRoom(stage.server.url(), visitor, 'Long');
    for (let number = 1; number <= MESSAGES; number += AT_ONCE) {
      const numbers = Array.from({ length: AT_ONCE }, (_, index) => number + index);
      await Promise.all(
        numbers.map((one) => sendMessage(stage.server.url(), visitor, { roomId, text: textOf(one) })),
      );
    }
    window = await openChat(stage.browser, stage.server.url(), { path: `/rooms/${roomId}` });
  });
  const say = (text: string) => sendMessage(stage.server.url(), visitor, { roomId, text });
  const jump = () => window.page.getByRole('button', { name: 'Jump to newest' });
  const held = () => window.page.evaluate(() => document.querySelector('[role=log]')?.scrollHeight ?? 0);

  it('does not move by a pixel when older pages come above what is read', async () => {
    await window.log.getByRole('article').last().waitFor();
    await window.log.hover();
    const before = await held();
    for (let turn = 0; turn < TURNS; turn++) {
      const moving = movements(window.page, { move: true, frames: 8 });
      await window.page.mouse.wheel(0, -TURN_PX);
      const [from, to, ...others] = await moving;
      expect(others).toEqual([]);
      expect(Math.abs((to ?? 0) - (from ?? 0) - TURN_PX)).toBeLessThan(1);
    }
    // Pages have come: what is held is far longer than what was there at first.
    expect(await held()).toBeGreaterThan(1.5 * before);
    expect(window.trouble).toEqual([]);
  });

  it('keeps what is read where it is when messages come below, counts them, and leads to them', async () => {
    const still = movements(window.page, { move: false, frames: 60 });
    for (const text of ['news 1', 'news 2', 'news 3']) await say(text);
    expect(await still).toEqual([0]);
    await window.page.getByRole('button', { name: 'Jump to newest 3 new messages' }).click();
    await window.message('news 3').waitFor();
    await expect.poll(() => jump().count(), SOON).toBe(0);
    await say('news 4');
    await window.message('news 4').waitFor();
    const [log, newest] = [await window.log.boundingBox(), await window.message('news 4').boundingBox()];
    expect((newest?.y ?? 0) + (newest?.height ?? 0)).toBeLessThanOrEqual((log?.y ?? 0) + (log?.height ?? 0));
    expect(await jump().count()).toBe(0);
  });

  it('announces what comes while it is read, and nothing that scrolling brings onto the page', async () => {
    await say('news 5');
    await window.message('news 5').waitFor();
    const live = (text: string) => window.message(text).first().getAttribute('aria-live');
    expect(await live('news 5')).toBeNull();
    expect(await live('news 3')).toBe('off');
    await window.log.hover();
    await window.page.mouse.wheel(0, -TURN_PX * 4);
    await jump().waitFor();
    await expect.poll(() => live('news 5'), SOON).toBe('off');
    await jump().click();
  });

  it('reaches its beginning and comes back with a small page all the while', async () => {
    await window.log.hover();
    await expect
      .poll(async () => {
        await window.page.mouse.wheel(0, -4000);
        return window.page.getByText('This is where the room begins.').count();
      }, SOON)
      .toBe(1);
    const elements = () => window.page.evaluate(() => document.querySelectorAll('*').length);
    expect(await elements()).toBeLessThan(4000);
    await jump().click();
    await window.message('news 5').waitFor();
    await expect.poll(() => jump().count(), SOON).toBe(0);
    expect(await elements()).toBeLessThan(4000);
    expect(window.trouble).toEqual([]);
  });

  it('holds a bounded number of messages around what is read, on the way up and on the way down, and leaves none out', async () => {
    const deep = 2200;
    const deepId = await createRoom(stage.server.url(), visitor, 'Deep');
    for (let number = 1; number <= deep; number += AT_ONCE) {
      const numbers = Array.from({ length: AT_ONCE }, (_, index) => number + index);
      await Promise.all(
        numbers.map((one) =>
          sendMessage(stage.server.url(), visitor, { roomId: deepId, text: `deep ${one}` }),
        ),
      );
    }
    const { page, log } = await openChat(stage.browser, stage.server.url(), { path: `/rooms/${deepId}` });
    await log.getByRole('article').last().waitFor();
    const height = () => log.evaluate((element) => element.scrollHeight);
    const firstPage = await height();
    /** The tallest list until `done`. */
    const readOn = async (step: number, done: () => Promise<boolean>) => {
      let tallest = 0;
      await log.hover();
      await expect
        .poll(
          async () => {
            await page.mouse.wheel(0, step);
            tallest = Math.max(tallest, await height());
            return done();
          },
          { timeout: 150_000, interval: 50 },
        )
        .toBe(true);
      return tallest;
    };
    const places = new Map((await readLog(stage.server.url(), deepId)).map(({ text }, at) => [text, at]));
    const lookFor = (end: number) => async () => {
      const articles = log.getByRole('article').getByRole('paragraph');
      const shown = (await articles.allTextContents()).map((text) => places.get(text) ?? NaN);
      const first = shown[0] ?? NaN;
      expect(shown).toEqual(shown.map((_, index) => first + index));
      return shown.includes(end);
    };
    const most = (firstPage / 50) * 1750;
    expect(await readOn(-2000, lookFor(0))).toBeLessThan(most);
    expect(await readOn(1000, lookFor(deep - 1))).toBeLessThan(most);
    await log.press('End');
    const button = page.getByRole('button', { name: 'Jump to newest' });
    await expect.poll(() => button.count(), SOON).toBe(0);
    await sendMessage(stage.server.url(), visitor, { roomId: deepId, text: 'after all' });
    await log.getByText('after all').waitFor();
  });
});
