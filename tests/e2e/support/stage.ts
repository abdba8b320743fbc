import type { BrowserContext } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { foundation, type TestFoundation } from '../../testkit/foundation.js';
import { startServerChild, type ServerChild } from '../../testkit/server-child.js';
import { openBrowser, type Browser } from './browser.js';

interface Stage {
  readonly browser: Browser;
  readonly server: ServerChild;
}

const OPEN_AND_CLOSE = { test: [beforeEach, afterEach], describe: [beforeAll, afterAll] } as const;

/** What is not as usual: settings of the server, switches of the browser. */
interface StageOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly switches?: readonly string[];
}

/** A Chromium and an embedded server, for all tests of a `describe`, or fresh for each `test`. */
export function useStage(
  lasts: keyof typeof OPEN_AND_CLOSE = 'describe',
  { env = {}, switches = [] }: StageOptions = {},
): Stage {
  const [open, close] = OPEN_AND_CLOSE[lasts];
  let base: TestFoundation | undefined;
  let stage: Partial<Stage> = {};
  open(async () => {
    base = await foundation('embedded');
    const [browser, server] = await Promise.all([
      openBrowser(switches),
      startServerChild({ env: { ...base.env, ...env } }),
    ]);
    stage = { browser, server };
  });
  // A window that nobody looks at any more follows its room all the same, and takes the machine from the next test.
  let before: ReadonlySet<BrowserContext>;
  beforeEach(() => {
    before = new Set(stage.browser?.contexts());
  });
  afterEach(async () => {
    const opened = stage.browser?.contexts().filter((context) => !before.has(context)) ?? [];
    await Promise.all(opened.map((context) => context.close()));
  });
  close(async () => {
    await stage.browser?.close();
    if (stage.server?.isRunning() === true) await stage.server.stop();
    await base?.dispose();
  });
  return {
    get browser() {
      return stage.browser!;
    },
    get server() {
      return stage.server!;
    },
  };
}
