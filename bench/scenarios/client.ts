import { randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import type { Browser, Page } from 'playwright-core';
import {
  framesMs,
  heapKb,
  openBrowser,
  openPage,
  slowDown,
  typingMs,
  untilInteractive,
  untilShown,
  whenWhole,
} from '../lib/browser.js';
import { SERVER_CORE } from '../lib/machine.js';
import { createRoom, createVisitor, forEachNumber, MADANG_SETTINGS, sendMessage } from '../lib/madang.js';
import { start, type Running } from '../lib/processes.js';
import { spread } from '../lib/report.js';
import { interleaved, type Scenario, type Size } from '../lib/scenario.js';

const ENTRY_POINT = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const ASSETS = fileURLToPath(new URL('../../dist/client/assets/', import.meta.url));

const MESSAGES = 10_000;
const WRITERS = 20;
const PAGES = 50;
const OPENED_AT_ONCE = 5;
const PER_SECOND = 50;
const BUSY_MS = 60_000;
/** What is loaded at first settles for so long before memory is compared. */
const SETTLING_MS = 15_000;
const KEYS = 60;
const KEY_EVERY_MS = 60;
const SLOWDOWN = 4;
const OPENINGS = 5;
/** A room that was left is followed for a second more. */
const LEFT_MS = 1500;
const PROBE_MS = 20;

/** The targets, each a most. */
const TARGETS = {
  jsKb: 120,
  interactiveMs: 1500,
  openRoomMs: 200,
  frameP95Ms: 50,
  wholeMs: 6000,
} as const;

interface Server {
  readonly running: Running;
  readonly port: string;
  readonly origin: string;
  readonly url: string;
}

async function startServer(folder: string, port = '0'): Promise<Server> {
  const env = { ...MADANG_SETTINGS, PORT: port, DATA_DIR: folder };
  const running = start(SERVER_CORE, process.execPath, [ENTRY_POINT], env);
  const [, given = ''] = await running.said(/Madang is ready: chat http:\/\/[^:]+:(\d+)/);
  const origin = `http://127.0.0.1:${given}`;
  return { running, port: given, origin, url: `${origin}/graphql` };
}

/** The gzipped JavaScript of a first visit, in kilobytes. */
const jsKb = (): number =>
  readdirSync(ASSETS)
    .filter((name) => name.endsWith('.js'))
    .reduce((sum, name) => sum + gzipSync(readFileSync(join(ASSETS, name)), { level: 9 }).length / 1000, 0);

const percentile = (values: readonly number[], share: number): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length * share)] ?? Number.NaN;

/** Sends at a steady rate until it is told to stop; resolves with how many that were. */
async function talk(url: string, token: string, roomId: string, until: AbortSignal): Promise<number> {
  const started = performance.now();
  const sending: Promise<unknown>[] = [];
  for (let index = 0; !until.aborted; index += 1) {
    sending.push(sendMessage(url, token, roomId, `busy ${index}: a text as long as those that people write`));
    await wait(Math.max(0, started + ((index + 1) * 1000) / PER_SECOND - performance.now()));
  }
  await Promise.all(sending);
  return sending.length;
}

/** Runs `act` while others talk in the room. */
async function beside<Result>(talking: (until: AbortSignal) => Promise<number>, act: () => Promise<Result>) {
  const enough = new AbortController();
  const talk = talking(enough.signal);
  const result = await act();
  enough.abort();
  return { result, sent: await talk };
}

async function loading(browser: Browser, address: string): Promise<Record<string, number>> {
  const page = await openPage(browser);
  await slowDown(page, SLOWDOWN);
  await page.goto(address);
  const interactiveMs = await untilInteractive(page);
  await page.context().close();
  return { interactiveMs };
}

async function opening(page: Page, rooms: readonly { href: string; newest: string }[]): Promise<number> {
  const tries: number[] = [];
  for (let turn = 0; turn < OPENINGS; turn += 1) {
    for (const [index, { href, newest }] of rooms.entries()) {
      const ms = await untilShown(page, href, newest);
      if (index === 0) tries.push(ms);
      await wait(LEFT_MS);
    }
  }
  return percentile(tries, 0.5);
}

/** Fifty pages; the server is killed and started again. Milliseconds from its readiness until the last one is whole. */
async function storm(
  size: Size,
  browser: Browser,
  folder: string,
  server: Server,
  room: { id: string; token: string },
): Promise<{ wholeMs: number; server: Server }> {
  const pages: Page[] = [];
  while (pages.length < size.count(PAGES)) {
    const few = Array.from({ length: OPENED_AT_ONCE }, async () => {
      const page = await openPage(browser, { viewport: { width: 400, height: 600 } });
      await page.goto(`${server.origin}/client/rooms/${room.id}`);
      await page.locator('output[aria-label=Connected]').waitFor({ state: 'attached' });
      return page;
    });
    pages.push(...(await Promise.all(few)));
  }
  const text = `after the storm ${randomUUID()}`;
  const whole = pages.map((page) => whenWhole(page, text));
  await server.running.stop();
  const next = await startServer(folder, server.port);
  while (!(await fetch(`${next.origin}/readyz`).catch(() => null))?.ok) await wait(PROBE_MS);
  const ready = Date.now();
  await sendMessage(next.url, room.token, room.id, text);
  const last = Math.max(...(await Promise.all(whole)));
  for (const page of pages) await page.context().close();
  return { wholeMs: last - ready, server: next };
}

async function measure(size: Size, browser: Browser, round: number): Promise<Record<string, number>> {
  const folder = mkdtempSync(join(tmpdir(), 'madang-bench-'));
  let server = await startServer(folder);
  try {
    const token = await createVisitor(server.url);
    const longId = await createRoom(server.url, 'Long', token);
    const shortId = await createRoom(server.url, 'Short', token);
    // One visitor alone would be held up by its own limit.
    const writers = await forEachNumber(WRITERS, () => createVisitor(server.url));
    await forEachNumber(size.count(MESSAGES), (index) =>
      sendMessage(
        server.url,
        writers[index % WRITERS] ?? '',
        longId,
        `message ${index}${'\nanother line'.repeat(index % 4)}`,
      ),
    );
    await sendMessage(server.url, token, longId, 'newest of the long one');
    await sendMessage(server.url, token, shortId, 'newest of the short one');
    const path = (roomId: string): string => `/client/rooms/${encodeURIComponent(roomId)}`;

    const load = await loading(browser, server.origin + path(longId));
    const page = await openPage(browser);
    await page.goto(server.origin + path(shortId));
    await page.locator('nav a').nth(1).waitFor();
    const openRoomMs = await opening(page, [
      { href: path(longId), newest: 'newest of the long one' },
      { href: path(shortId), newest: 'newest of the short one' },
    ]);

    await page.locator(`nav a[href="${path(longId)}"]`).click();
    const talking = (until: AbortSignal) => talk(server.url, token, longId, until);
    const keys = size.count(KEYS);
    const idle = await typingMs(page, keys, KEY_EVERY_MS);
    const busy = await beside(talking, () => typingMs(page, keys, KEY_EVERY_MS));

    const minute = await beside(talking, async () => {
      await wait(size.tiny ? 0 : SETTLING_MS);
      const before = await heapKb(page);
      const frames = await framesMs(page, size.ms(BUSY_MS));
      return { frames, grownKb: (await heapKb(page)) - before };
    });
    const elements = await page.evaluate(() => document.querySelectorAll('*').length);
    await page.context().close();

    const whole = round === 0 ? await storm(size, browser, folder, server, { id: shortId, token }) : null;
    server = whole?.server ?? server;
    return {
      jsKb: jsKb(),
      ...load,
      openRoomMs,
      typingIdleP50Ms: percentile(idle, 0.5),
      typingBusyP50Ms: percentile(busy.result, 0.5),
      typingIdleP95Ms: percentile(idle, 0.95),
      typingBusyP95Ms: percentile(busy.result, 0.95),
      frameP95Ms: percentile(minute.result.frames, 0.95),
      frameWorstMs: Math.max(...minute.result.frames),
      heapGrownKb: minute.result.grownKb,
      elements,
      ...(whole === null ? {} : { wholeMs: whole.wholeMs }),
    };
  } finally {
    await server.running.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The web client in Chromium: how soon it can be used, how it bears a busy room, how soon fifty pages are back. */
export const client: Scenario = async (size) => {
  const browser = await openBrowser();
  try {
    const rounds = await interleaved(size, ['madang'], (_name, round) => measure(size, browser, round));
    const ours = (metric: string) =>
      spread(rounds.map((round) => round['madang']?.[metric] ?? Number.NaN).filter(Number.isFinite));
    const figures = Object.entries(TARGETS).map(([metric, most]) => [metric, { most, ...ours(metric) }]);
    return {
      rounds,
      ratios: {
        'client.typing busy to idle': ({ madang }) =>
          (madang?.['typingBusyP95Ms'] ?? Number.NaN) / (madang?.['typingIdleP95Ms'] ?? Number.NaN),
      },
      figures: { client: Object.fromEntries(figures) as Record<string, unknown> },
    };
  } finally {
    await browser.close();
  }
};
