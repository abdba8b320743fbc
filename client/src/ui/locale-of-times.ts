import type { Language } from './texts.js';

/** Whether the browser's formatters take it: some systems have languages that are no tags. */
function isTag(tag: string): boolean {
  try {
    return Intl.DateTimeFormat.supportedLocalesOf(tag).length > 0;
  } catch {
    return false;
  }
}

/** How times are written in a language: as the reader's own kind of it does, else with the clock that the reader has. */
export function localeOfTimes(language: Language, preferred: readonly string[]): string {
  const tags = preferred.filter(isTag);
  const own = tags.find((tag) => tag.toLowerCase().split('-')[0] === language);
  if (own !== undefined) return own;
  const { hourCycle } = new Intl.DateTimeFormat(tags[0] ?? language, { hour: 'numeric' }).resolvedOptions();
  return hourCycle === undefined ? language : `${language}-u-hc-${hourCycle}`;
}
