import type { Page } from 'playwright-core';

/** What the list of messages looked like, each time it changed: the texts that are acknowledged, from the top. */
export type Looks = readonly (readonly string[])[];

/** Notes from now on how the list of messages looks, each time it changes; the returned function gives that, and clears it. */
export async function noteLooks(page: Page): Promise<() => Promise<Looks>> {
  const notes = await page.evaluateHandle(() => {
    const looks: string[][] = [];
    let last = '';
    const note = () => {
      const articles = [...document.querySelectorAll('[role=log] article')];
      // What is on its way has no place yet.
      const settled = articles.filter((article) => article.querySelector('output') === null);
      const look = settled.map((article) => article.querySelector('p')?.textContent ?? '');
      if (look.join('\n') !== last) looks.push(look);
      last = look.join('\n');
    };
    new MutationObserver(note).observe(document.body, { childList: true, subtree: true });
    note();
    return looks;
  });
  return () => notes.evaluate((looks) => looks.splice(0));
}

/** What is wrong with them, in words: a text that is not in the history, twice in a look, or before an earlier one. */
export function wrongLooks(looks: Looks, history: readonly string[]): readonly string[] {
  const places = new Map(history.map((text, place) => [text, place]));
  const wrong = looks.flatMap((look) =>
    look.flatMap((text, index) => {
      const place = places.get(text);
      if (place === undefined) return [`${text} is not in the history`];
      const before = places.get(look[index - 1] ?? '') ?? -1;
      return place > before ? [] : [`${text} stood behind ${look[index - 1]}`];
    }),
  );
  return [...new Set(wrong)];
}
