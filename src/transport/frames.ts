/*
 * Frames of the subscriptions' results, written by hand: ws makes two writes and a copy of each frame, which is a
 * tenth to a fifth of what a delivery costs. Everything else that a socket sends goes through ws. The two do not
 * mix: each writes whole frames in one turn, and nothing is compressed.
 */

/** First byte of an unfragmented text frame (RFC 6455, 5.2). */
const TEXT = '\u0081';
const SHORT_LIMIT = 126;
const MEDIUM_LIMIT = 65_536;

const byte = (value: number): string => String.fromCharCode(value & 0xff);

/** The header of an unmasked text frame that carries `length` bytes, one character per byte. */
export function frameHeader(length: number): string {
  if (length < SHORT_LIMIT) return TEXT + byte(length);
  if (length < MEDIUM_LIMIT) return TEXT + byte(SHORT_LIMIT) + byte(length >> 8) + byte(length);
  const high = Math.floor(length / 2 ** 32);
  const bytes = [
    high >>> 24,
    high >>> 16,
    high >>> 8,
    high,
    length >>> 24,
    length >>> 16,
    length >>> 8,
    length,
  ];
  return TEXT + byte(127) + bytes.map(byte).join('');
}

/** UTF-8 as one character per byte, the form that a socket writes without another copy. */
export const toLatin1 = (text: string): string => Buffer.from(text).toString('latin1');
