/** The time of day, for beside a message. */
export const timeOfDay = (locale: string, date: Date): string => formatter(locale, 'time').format(date);

/** The time of day to the second. */
export const exactTime = (locale: string, date: Date): string => formatter(locale, 'exact').format(date);

/** Date and time in full, for a title. */
export const fullTime = (locale: string, date: Date): string => formatter(locale, 'full').format(date);

/** The day, for between messages. */
export const day = (locale: string, date: Date): string => formatter(locale, 'day').format(date);

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

/** Making a formatter takes longer than a message may. */
const formatters = new Map<string, Intl.DateTimeFormat>();

function formatter(locale: string, style: keyof typeof STYLES): Intl.DateTimeFormat {
  const key = `${locale} ${style}`;
  const made = formatters.get(key) ?? new Intl.DateTimeFormat(locale, STYLES[style]);
  formatters.set(key, made);
  return made;
}
