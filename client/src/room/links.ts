/** A piece of a text: plain, or an address that can be followed. */
export interface Piece {
  readonly text: string;
  readonly href: string | null;
}

const ADDRESS = /https?:\/\/[^\s<>"'`\p{Cc}\p{Bidi_Control}]+/giu;
/** Marks that rather end a sentence than an address; a run of them is tried from its first alone. */
const MARKS = String.raw`[.,:;!?'"»”’…。，、．：；！？،؛؟]`;
const TRAILING = new RegExp(`(?<!${MARKS})${MARKS}+$`, 'u');
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

/** Leaves off what follows an address in a sentence, a bracket only if it was opened before the address. */
function trim(address: string): string {
  const trimmed = address.replace(TRAILING, '').replace(HOST_WITH_MORE, '$1');
  const last = trimmed.slice(-1);
  const opening = OPENING.get(last);
  const unopened = opening !== undefined && trimmed.split(last).length > trimmed.split(opening).length;
  return unopened ? trim(trimmed.slice(0, -1)) : trimmed;
}

function toHref(address: string): string | null {
  try {
    const { protocol, href } = new URL(address);
    return protocol === 'http:' || protocol === 'https:' ? href : null;
  } catch {
    return null;
  }
}
