/** A piece of a text: plain, or an address that can be followed. */
export interface Piece {
  readonly text: string;
  readonly href: string | null;
}

const ADDRESS = /https?:\/\/[^\s<>"'`\p{Cc}\p{Bidi_Control}]+/giu;
/** Marks that rather end a sentence than an address. */
const TRAILING = /[.,:;!?'"»”’…]+$/u;

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
  const trimmed = address.replace(TRAILING, '');
  const unopened = trimmed.endsWith(')') && trimmed.split(')').length > trimmed.split('(').length;
  return unopened ? trim(trimmed.slice(0, -1)) : trimmed;
}

function toHref(address: string): string | null {
  if (!URL.canParse(address)) return null;
  const { protocol, href } = new URL(address);
  return protocol === 'http:' || protocol === 'https:' ? href : null;
}
