import type { Times } from '../ui/language.js';

/** The time of day, for beside a message. */
export const timeOfDay = (times: Times, date: Date): string => formatter(times, 'time').format(date);

/** The time of day to the second. */
export const exactTime = (times: Times, date: Date): string => formatter(times, 'exact').format(date);

/** Date and time in full, for a title. */
export const fullTime = (times: Times, date: Date): string => formatter(times, 'full').format(date);

/** The day, for between messages. */
export const day = (times: Times, date: Date): string => formatter(times, 'day').format(date);

/** Whole days between the local day of `date` and that of `now`. */
export function daysAgo(date: Date, now: Date): number {
  const midnight = (moment: Date) => Date.UTC(moment.getFullYear(), moment.getMonth(), moment.getDate());
  return Math.round((midnight(now) - midnight(date)) / MS_PER_DAY);
}

/** A text that is the same for two moments of one local day. */
export const dayKey = (date: Date): string => `${date.getFullYear()}-${date.getMonth()}-${date.getDate()}`;

const MS_PER_DAY = 86_400_000;
const STYLES = {
  time: { hour: '2-digit', minute: '2-digit' },
  exact: { timeStyle: 'medium' },
  full: { dateStyle: 'full', timeStyle: 'medium' },
  day: { weekday: 'long', year: 'numeric', month: 'long', day: 'numeric' },
} as const satisfies Record<string, Intl.DateTimeFormatOptions>;

/** Making a formatter takes longer than a message may. Each keeps the zone in which it was made. */
const formatters = new Map<string, Intl.DateTimeFormat>();

function formatter({ locale, zone }: Times, style: keyof typeof STYLES): Intl.DateTimeFormat {
  const key = `${locale} ${style} ${zone}`;
  const made = formatters.get(key) ?? new Intl.DateTimeFormat(locale, STYLES[style]);
  formatters.set(key, made);
  return made;
}
