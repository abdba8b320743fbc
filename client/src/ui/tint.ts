/** How many tints `tokens.css` knows. */
const TINTS = 8;

/** A number that looks alike for the same identifier everywhere (FNV-1a, 32 bits). */
function hash(id: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < id.length; index++) {
    value = Math.imul(value ^ id.charCodeAt(index), 0x01000193);
  }
  return value >>> 0;
}

/** The class that gives something its own colour. */
export const tintClass = (id: string): string => `tint-${hash(id) % TINTS}`;

/** Four characters that tell visitors with the same name apart. */
export const shortTag = (id: string): string => (hash(id) & 0xffff).toString(16).padStart(4, '0');
