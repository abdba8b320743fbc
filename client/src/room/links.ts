/** A piece of a text: plain, or an address that can be followed. */
export interface Piece {
  readonly text: string;
  readonly href: string | null;
}

const ADDRESS = /https?:\/\/[^\s<>"'`\p{Cc}\p{Bidi_Control}]+/giu;
/** Marks that rather end a sentence than an address. */
const MARKS: ReadonlySet<string> = new Set('.,:;!?\'"»”’…。，、．：；！？،؛؟');
/** Marks that belong to an address only if it has what opens them. */
const OPENING: ReadonlyMap<string, string> = new Map([
  [')', '('],
  ['）', '（'],
  ['」', '「'],
  ['』', '『'],
  ['】', '【'],
  ['》', '《'],
]);
/** No host ends half in ASCII and half like this: particles and punctuation are written without a space before them. */
const EAST_ASIAN = String.raw`\p{sc=Hangul}\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\u3000-\u303F\uFF00-\uFFEF`;
const HOST_WITH_MORE = new RegExp(
  String.raw`^(https?://(?:[^/?#]*\.)?[a-z\d-]+(?::\d+)?)[${EAST_ASIAN}][^./?#]*(?:[/?#].*)?$`,
  'iu',
);

/** Splits a text at its http and https addresses. The pieces joined are the text, unchanged. */
export function splitLinks(text: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let end = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const address = trim(match[0]);
    const href = toHref(address);
    if (href === null) continue;
    if (match.index > end) pieces.push({ text: text.slice(end, match.index), href: null });
    pieces.push({ text: address, href });
    end = match.index + address.length;
  }
  if (end < text.length) pieces.push({ text: text.slice(end), href: null });
  return pieces;
}

/** How many more there are of what closes than of what opens. */
const unopened = (address: string, closing: string, opening: string): number =>
  address.split(closing).length - address.split(opening).length;

/**
 * Leaves off what follows an address in a sentence, a bracket only if it was opened before the address. Brackets are
 * counted once: anew for each that is left off, a message of nothing else took seconds.
 */
function trim(address: string): string {
  const left = new Map(
    [...OPENING].map(([closing, opening]) => [closing, unopened(address, closing, opening)]),
  );
  let end = address.length;
  for (; end > 0; end -= 1) {
    const last = address.charAt(end - 1);
    if (MARKS.has(last)) continue;
    const more = left.get(last) ?? 0;
    if (more <= 0) break;
    left.set(last, more - 1);
  }
  return address.slice(0, end).replace(HOST_WITH_MORE, '$1');
}

function toHref(address: string): string | null {
  try {
    const { protocol, href } = new URL(address);
    return protocol === 'http:' || protocol === 'https:' ? href : null;
  } catch {
    return null;
  }
}
