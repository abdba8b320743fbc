import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openBrowser, type Browser } from './support/browser.js';

const SOON = { timeout: 30_000 };
const WORKER = new URL('../../client/public/service-worker.js', import.meta.url);

/** A client that is nothing but its version, below each of these paths, with the worker of the real one. */
async function serveVersions(paths: readonly string[]) {
  const worker = await readFile(WORKER);
  const now = { version: 'one', status: 200 };
  /** Called in the middle of each page: the rest comes when this is done. */
  const pages = { wait: () => Promise.resolve() };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = request.url ?? '';
    const path = paths.find((one) => url.startsWith(one)) ?? '';
    const rest = url.slice(path.length);
    const send = (status: number, type: string, body: string | Buffer) => {
      response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body);
    };
    const { version, status } = now;
    if (rest === 'service-worker.js') {
      send(200, 'text/javascript', worker);
    } else if (rest === 'icon.svg') {
      send(200, 'image/svg+xml', '<svg xmlns="http://www.w3.org/2000/svg"/>');
    } else if (rest === `assets/${version}.js`) {
      send(200, 'text/javascript', `document.body.append('runs ${version}')`);
    } else if (rest.includes('.')) {
      send(404, 'text/plain', 'There is no such file.');
    } else if (status !== 200) {
      send(status, 'text/plain', `answered ${status}`);
    } else {
      response.writeHead(200, { 'content-type': 'text/html', 'cache-control': 'no-store' });
      response.write(`<link rel="icon" href="${path}icon.svg"><body>`);
      await pages.wait();
      response.end(`<script type="module" src="${path}assets/${version}.js"></script>
        <script>navigator.serviceWorker.register('${path}service-worker.js')</script></body>`);
    }
  }

  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    now,
    pages,
    cut(): void {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** The page that a start without a network would show, and the script of this version, as they are kept. */
const keptTexts = (page: Page, path: string, version: string) =>
  page.evaluate(
    (addresses) => Promise.all(addresses.map(async (address) => (await caches.match(address))?.text())),
    [path, `${path}assets/${version}.js`],
  );

async function kept(page: Page, path: string, version: string): Promise<void> {
  const isKept = async () =>
    (await keptTexts(page, path, version)).every((text) => text?.includes(version) === true);
  await expect.poll(isKept, SOON).toBe(true);
}

const textOf = (page: Page) => () => page.locator('body').textContent();

describe('the kept client', () => {
  let browser: Browser;
  let site: Awaited<ReturnType<typeof serveVersions>>;
  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser.close());
  beforeEach(async () => {
    site = await serveVersions(['/a/client/', '/b/client/']);
  });
  afterEach(() => site.cut());

  async function open(path: string): Promise<Page> {
    const { page } = await browser.openWindow(`${site.origin}${path}`);
    await kept(page, path, site.now.version);
    await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
    return page;
  }

  it.each([429, 500, 502, 503])('starts where a busy server answers %i', async (status) => {
    const page = await open('/a/client/');
    site.now.status = status;
    await page.goto(`${site.origin}/a/client/rooms/x`);
    await expect.poll(textOf(page), SOON).toContain('runs one');
  });

  it.each([401, 403, 404])('is not there in place of an answer %i', async (status) => {
    const page = await open('/a/client/');
    site.now.status = status;
    await page.goto(`${site.origin}/a/client/rooms/x`);
    await expect.poll(textOf(page), SOON).toContain(`answered ${status}`);
  });

  it('gives way to a new version at once', async () => {
    const page = await open('/a/client/');
    site.now.version = 'two';
    await page.reload();
    await expect.poll(textOf(page), SOON).toContain('runs two');
    await kept(page, '/a/client/', 'two');
    site.cut();
    await page.reload();
    await expect.poll(textOf(page), SOON).toContain('runs two');
  });

  it('stays whole where another lies below another path of the same address', async () => {
    const page = await open('/a/client/');
    const other = await page.context().newPage();
    await other.goto(`${site.origin}/b/client/`);
    await kept(other, '/b/client/', 'one');
    await other.waitForFunction(() => navigator.serviceWorker.controller !== null);
    await other.reload();
    await expect.poll(textOf(other), SOON).toContain('runs one');
    site.cut();
    await page.reload();
    await expect.poll(textOf(page), SOON).toContain('runs one');
    await other.reload();
    await expect.poll(textOf(other), SOON).toContain('runs one');
  });

  it('stays whole where two versions are opened at the same moment', async () => {
    const page = await open('/a/client/');
    const other = await page.context().newPage();
    let release = () => {};
    const first = new Promise<void>((resolve) => {
      release = resolve;
    });
    let asked = 0;
    site.pages.wait = async () => {
      asked += 1;
      if (asked === 1) await first;
    };
    const slow = page.goto(`${site.origin}/a/client/rooms/x`);
    await expect.poll(() => asked, SOON).toBe(1);
    site.now.version = 'two';
    await other.goto(`${site.origin}/a/client/`);
    await expect.poll(textOf(other), SOON).toContain('runs two');
    release();
    await slow;
    await kept(other, '/a/client/', 'two');
    // What the first page keeps late would be there by now.
    await other.waitForTimeout(500);
    expect(await keptTexts(page, '/a/client/', 'two')).toEqual([
      expect.stringContaining('assets/two.js'),
      expect.stringContaining('runs two'),
    ]);
  });
});
