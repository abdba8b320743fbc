import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';
import { CHROMIUM_SWITCHES } from '../../tests/testkit/chromium-switches.js';
import { findProgram } from '../../tests/testkit/services/programs.js';

/** Many pages share processes. */
const SHARED_PROCESSES = '--renderer-process-limit=8';

export async function openBrowser(): Promise<Browser> {
  const { command } = await findProgram('chromium');
  return chromium.launch({ executablePath: command, args: [...CHROMIUM_SWITCHES, SHARED_PROCESSES] });
}

/** A page of a visitor of its own, with nothing in its caches. */
export async function openPage(browser: Browser, options: BrowserContextOptions = {}): Promise<Page> {
  const viewport = { width: 1200, height: 760 };
  const context = await browser.newContext({ viewport, locale: 'en-US', ...options });
  // What runs TypeScript here names functions by a helper of its own, also those that are sent into the page.
  await context.addInitScript('globalThis.__name = (named) => named;');
  return context.newPage();
}

/** Makes the page's processor so many times slower. */
export async function slowDown(page: Page, times: number): Promise<void> {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('Emulation.setCPUThrottlingRate', { rate: times });
}

/** JavaScript that a page holds once its garbage is gone, in kilobytes. */
export async function heapKb(page: Page): Promise<number> {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('HeapProfiler.enable');
  await devtools.send('HeapProfiler.collectGarbage');
  const { usedSize } = await devtools.send('Runtime.getHeapUsage');
  await devtools.detach();
  return usedSize / 1024;
}

/** When the page can be written in: its composer is there, and its scripts have come to rest. */
export const untilInteractive = (page: Page): Promise<number> =>
  page.evaluate(
    () =>
      new Promise<number>((resolve) => {
        const RESTED_MS = 1000;
        let busyUntil = 0;
        const observer = new PerformanceObserver((list) => {
          for (const { startTime, duration } of list.getEntries()) busyUntil = startTime + duration;
        });
        observer.observe({ type: 'longtask', buffered: true });
        let thereAt: number | null = null;
        const look = () => {
          if (thereAt === null && document.querySelector('article') !== null) thereAt = performance.now();
          const rested = performance.now() - Math.max(busyUntil, thereAt ?? Infinity) > RESTED_MS;
          if (rested) resolve(Math.max(busyUntil, thereAt ?? 0));
          else requestAnimationFrame(look);
        };
        look();
      }),
  );

/** Follows a link of the page; milliseconds until this text is painted in the list of messages. */
export const untilShown = (page: Page, href: string, text: string): Promise<number> =>
  page.evaluate(
    ([address, wanted]) =>
      new Promise<number>((resolve) => {
        const started = performance.now();
        document.querySelector<HTMLElement>(`nav a[href="${address}"]`)?.click();
        const look = () => {
          const shown = [...document.querySelectorAll('article p')].some((p) => p.textContent === wanted);
          if (shown) setTimeout(() => resolve(performance.now() - started));
          else requestAnimationFrame(look);
        };
        look();
      }),
    [href, text] as const,
  );

/**
 * Types into the composer; for each key the milliseconds until what it changed is painted. Something small moves on the
 * page meanwhile: where nothing else does, a browser starts a frame for the key at once, and the wait for the next
 * frame would be taken for the work of whatever else goes on.
 */
export async function typingMs(page: Page, keys: number, everyMs: number): Promise<readonly number[]> {
  const notes = await page.evaluateHandle(() => {
    const latencies: number[] = [];
    const dot = document.body.appendChild(document.createElement('div'));
    dot.style.cssText = 'position: fixed; top: 0; left: 0; width: 2px; height: 2px; background: red';
    const move = (now: number) => {
      dot.style.opacity = String(0.5 + (now % 2) / 4);
      if (dot.isConnected) requestAnimationFrame(move);
    };
    requestAnimationFrame(move);
    document.addEventListener(
      'keydown',
      ({ timeStamp }) =>
        requestAnimationFrame(() => setTimeout(() => latencies.push(performance.now() - timeStamp))),
      { capture: true },
    );
    return { latencies, dot };
  });
  await page.getByRole('textbox', { name: 'Message', exact: true }).focus();
  for (let key = 0; key < keys; key += 1) {
    await page.keyboard.press('a');
    await page.waitForTimeout(everyMs);
  }
  await page.getByRole('textbox', { name: 'Message', exact: true }).fill('');
  return notes.evaluate(({ latencies, dot }) => {
    dot.remove();
    return latencies;
  });
}

/** For so long the milliseconds between each frame and the next. */
export const framesMs = (page: Page, ms: number): Promise<readonly number[]> =>
  page.evaluate(
    (wanted) =>
      new Promise<number[]>((resolve) => {
        const frames: number[] = [];
        const started = performance.now();
        let before = started;
        const next = (now: number) => {
          frames.push(now - before);
          before = now;
          if (now - started < wanted) requestAnimationFrame(next);
          else resolve(frames.slice(1));
        };
        requestAnimationFrame(next);
      }),
    ms,
  );

/** Milliseconds since the Unix epoch at which the page is connected and shows this text. */
export const whenWhole = (page: Page, text: string): Promise<number> =>
  page.evaluate(
    (wanted) =>
      new Promise<number>((resolve) => {
        const look = () => {
          const texts = [...document.querySelectorAll('article p')];
          const whole =
            document.querySelector('output[aria-label=Connected]') !== null &&
            texts.some((p) => p.textContent === wanted);
          if (whole) resolve(Date.now());
          return whole;
        };
        const observer = new MutationObserver(() => {
          if (look()) observer.disconnect();
        });
        observer.observe(document.body, { childList: true, subtree: true, attributes: true });
        look();
      }),
    text,
  );
