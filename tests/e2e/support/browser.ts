import { chromium as playwright, type BrowserContextOptions, type Page } from 'playwright-core';
import { CHROMIUM_SWITCHES } from '../../testkit/chromium-switches.js';
import { chromium } from '../../testkit/services/index.js';

const WAIT_MS = 30_000;

/** A window of its own visitor, and everything that went wrong in it. */
export interface Window {
  readonly page: Page;
  /** Errors of the console and of scripts, refusals of a policy, requests that left the server's origin. */
  readonly trouble: string[];
}

/** A real Chromium, with these switches beside the usual ones. Close it. */
export async function openBrowser(switches: readonly string[] = []) {
  const browser = await playwright.launch({
    executablePath: await chromium(),
    args: [...CHROMIUM_SWITCHES, ...switches],
  });

  async function openWindow(url: string, options: BrowserContextOptions = {}): Promise<Window> {
    const context = await browser.newContext({
      viewport: { width: 1200, height: 760 },
      locale: 'en-US',
      ...options,
    });
    const page = await context.newPage();
    page.setDefaultTimeout(WAIT_MS);
    const trouble: string[] = [];
    const origin = new URL(url).host;
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') trouble.push(message.text());
    });
    page.on('pageerror', (error) => trouble.push(String(error)));
    const watch = (address: string) => {
      const { protocol, host } = new URL(address);
      if (/^(http|ws)s?:$/.test(protocol) && host !== origin) trouble.push(`asked ${address}`);
    };
    page.on('request', (request) => watch(request.url()));
    page.on('websocket', (socket) => watch(socket.url()));
    await page.goto(url);
    return { page, trouble };
  }

  return { openWindow, contexts: () => browser.contexts(), close: () => browser.close() };
}

export type Browser = Awaited<ReturnType<typeof openBrowser>>;
