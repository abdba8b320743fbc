import type { BrowserContextOptions, Locator, Page } from 'playwright-core';
import type { Browser } from './browser.js';

/** The web client as somebody at it sees it: found by roles and names alone. */
export type ChatWindow = Awaited<ReturnType<typeof openChat>>;

/** Opens the client in a window of its own visitor and waits until it is connected. */
export async function openChat(
  browser: Browser,
  server: string,
  { path = '', ...options }: BrowserContextOptions & { path?: string } = {},
) {
  const { page, trouble } = await browser.openWindow(`${server}/client${path}`, options);
  await connection(page, 'Connected').waitFor();
  const log = page.getByRole('log', { name: 'Messages' });
  const composer = page.getByRole('textbox', { name: 'Message', exact: true });
  const rooms = page.getByRole('navigation', { name: 'Rooms' });
  return {
    page,
    trouble,
    log,
    composer,
    rooms,
    connection: (state: string) => connection(page, state),
    /** The article of this text. */
    message: (text: string) =>
      log.getByRole('article').filter({ has: page.getByText(text, { exact: true }) }),
    roomLink: (name: string) => rooms.getByRole('link', { name }),
    /** Names of the rooms, from the top. */
    roomNames: () =>
      rooms
        .getByRole('link')
        .evaluateAll((links) => links.map((link) => link.querySelector('bdi')?.textContent ?? '')),
    /** Texts of the messages on the page, from the top. */
    texts: () => log.getByRole('article').getByRole('paragraph').allTextContents(),
    async createRoom(name: string): Promise<void> {
      await page.getByRole('button', { name: 'New room' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByRole('textbox', { name: 'Room name' }).fill(name);
      await dialog.getByRole('button', { name: 'Create' }).click();
    },
    async openRoom(name: string): Promise<void> {
      await rooms.getByRole('link', { name }).click();
      await page.getByRole('heading', { name, exact: true }).waitFor();
    },
    async send(text: string): Promise<void> {
      await composer.fill(text);
      await composer.press('Enter');
    },
    /** Identifier of the open room, from the address. */
    roomId: () => decodeURIComponent(new URL(page.url()).pathname.split('/').at(-1) ?? ''),
  };
}

/** What is said about a field, as those hear it who do not see the page. */
export const description = (field: Locator): Promise<string> =>
  field.evaluate((element) => {
    const ids = (element.getAttribute('aria-describedby') ?? '').split(' ');
    return ids.map((id) => document.getElementById(id)?.textContent.trim() ?? '').join(' ');
  });

const connection = (page: Page, state: string) => page.getByRole('status', { name: state, exact: true });
