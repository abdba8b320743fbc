import type { Problem } from './problem.js';

/** Most combining marks on one base; more is text made to overflow its line. */
const MAX_MARKS_PER_BASE = 8;

const CONTROLS_IN_TEXT = /[^\P{Cc}\n\t]/u;
const CONTROLS_IN_NAME = /[\p{Cc}\u2028\u2029]/u;
/** Explicit bidirectional controls: embeddings, overrides (202A–202E) and isolates (2066–2069), UAX #9. */
const BIDI_CONTROLS = /[\u202a-\u202e\u2066-\u2069]/u;
/** UAX #44: white space shows nothing, and neither do default-ignorable code points. */
const VISIBLE = /[^\p{White_Space}\p{Default_Ignorable_Code_Point}]/u;
const MARKS_ON_A_BASE = /[\p{M}\p{Default_Ignorable_Code_Point}]+/gu;
const MARK = /\p{M}/gu;

/** What a piece of text must be like. */
export interface TextRules {
  /** `text` may hold line breaks, tabs and bidirectional controls; `name` may not. */
  readonly kind: 'text' | 'name';
  /** How the value is called in messages, such as `The room name`. */
  readonly subject: string;
  /** Name of the input field. */
  readonly field: string;
  /** In Unicode code points. */
  readonly maxLength: number;
}

/**
 * More marks in a row than any text has (UAX #15 calls text without such runs stream-safe). Sorting them takes the
 * square of their number, and a text or name with them is refused anyway.
 */
const ENDLESS_MARKS = /\p{M}{31}/u;
/** The same where NFKC makes marks of two letters more. */
const ENDLESS_COMPATIBLE_MARKS = /[\p{M}\uff9e\uff9f]{31}/u;

const compatible = (value: string): string =>
  ENDLESS_COMPATIBLE_MARKS.test(value) ? value : value.normalize('NFKC');

/**
 * Brings text into the form it is stored in: NFC, without white space at its ends. Text that is refused for its
 * marks may stay as it is.
 */
export const normalizeText = (value: string): string =>
  (ENDLESS_MARKS.test(value) ? value : value.normalize('NFC')).trim();

/** Every reason why a normalised text may not be stored, one problem each. Empty when it may. */
export function textProblems(value: string, rules: TextRules): Problem[] {
  const problems: Problem[] = [];
  const invalid = (message: string): void => {
    problems.push({ code: 'INVALID_INPUT', message: `${rules.subject} ${message}`, field: rules.field });
  };
  if (!value.isWellFormed()) {
    invalid('is not well-formed Unicode.');
    return problems;
  }
  if (!VISIBLE.test(value)) {
    invalid('is empty.');
    return problems;
  }
  // As many UTF-16 units are never more code points.
  const length = value.length > rules.maxLength ? codePoints(value) : 0;
  if (length > rules.maxLength) invalid(`has ${length} characters, at most ${rules.maxLength} are allowed.`);
  if ((rules.kind === 'text' ? CONTROLS_IN_TEXT : CONTROLS_IN_NAME).test(value)) {
    invalid('holds control characters.');
  }
  if (rules.kind === 'name' && BIDI_CONTROLS.test(value))
    invalid('holds characters that change the direction of text.');
  if (hasTooManyMarks(value))
    invalid(`holds more than ${MAX_MARKS_PER_BASE} combining marks on one character.`);
  return problems;
}

/**
 * The form in which names are compared: NFKC_Casefold (Unicode 3.13, D146): compatibility forms and case are
 * folded, what shows nothing is dropped. JavaScript has no case folding; lower, upper, then lower case gives the same
 * classes (lower first, for a capital sharp s) but for the dotless i, which folds to itself.
 */
export const nameKey = (name: string): string =>
  compatible(
    compatible(name)
      .replace(/\p{Default_Ignorable_Code_Point}/gu, '')
      .replace(/[^ı]+/gu, (part) => part.toLowerCase().toUpperCase().toLowerCase()),
  );

/** Length in Unicode code points. */
export function codePoints(value: string): number {
  let length = 0;
  for (const _ of value) length += 1;
  return length;
}

function hasTooManyMarks(value: string): boolean {
  return (value.match(MARKS_ON_A_BASE) ?? []).some(
    (run) => (run.match(MARK)?.length ?? 0) > MAX_MARKS_PER_BASE,
  );
}
