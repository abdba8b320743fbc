import axe from 'axe-core';
import type { Page } from 'playwright-core';

/** What axe objects to on the page as it is now: one line per finding. */
export async function findings(page: Page): Promise<readonly string[]> {
  // Through the debugger, which the policy of the page does not bind.
  await page.evaluate(axe.source);
  return page.evaluate(async () => {
    const { violations } = await (window as unknown as { axe: typeof axe }).axe.run();
    return violations.flatMap(({ id, help, nodes }) => nodes.map(({ html }) => `${id}: ${help}: ${html}`));
  });
}
