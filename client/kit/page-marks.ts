/** A message whose cursor is known: what comes before it, or behind it, can be read with that. */
interface Mark {
  readonly number: number;
  readonly cursor: string;
}

/** Of the messages that come one by one, every so many are marked. */
const MARKED_EVERY = 50;

/** Cursors of some of the messages held: places from which the older, or newer, ones can be let go, and read again. */
export function createPageMarks() {
  /** In the order of their numbers. */
  let marks: readonly Mark[] = [];
  return {
    /** Of a page that was read: its first message, or its last one on the way down. */
    add(number: number, cursor: string | null): void {
      if (cursor !== null) marks = [...marks, { number, cursor }].sort((a, b) => a.number - b.number);
    },
    /** Of a message that came by itself. */
    pass(number: number, cursor: string): void {
      if (number % MARKED_EVERY === 0) marks = [...marks, { number, cursor }];
    },
    clear(): void {
      marks = [];
    },
    /** The last mark not behind `number`; what lies before it is forgotten. */
    cut(number: number): Mark | null {
      const mark = marks.findLast((one) => one.number <= number) ?? null;
      if (mark !== null) marks = marks.filter((one) => one.number >= mark.number);
      return mark;
    },
    /** The first mark not before `number`; what lies behind it is forgotten. */
    cutBehind(number: number): Mark | null {
      const mark = marks.find((one) => one.number >= number) ?? null;
      if (mark !== null) marks = marks.filter((one) => one.number <= mark.number);
      return mark;
    },
  };
}
