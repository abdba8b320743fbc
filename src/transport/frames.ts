import { latin1Of, type Payload } from '../graphql/shared/sink.js';

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
function frameHeader(length: number): string {
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

/** How many bytes a frame takes that carries `length` bytes. */
export const framedLength = (length: number): number => frameHeader(length).length + length;

/** UTF-8 as one character per byte, the form that a socket writes without another copy. */
export const toLatin1 = (text: string): string => Buffer.from(text).toString('latin1');

/** A string that is one piece in memory, so that it is copied from without walking its parts. */
const inOnePiece = (bytes: string): string => Buffer.from(bytes, 'latin1').toString('latin1');

/**
 * Writes the frames of several results around a prefix. What is alike for all who receive the same results, under
 * prefixes of one length, is made once: the rest is one copy.
 */
export function createFraming() {
  let known: { readonly payloads: readonly Payload[]; readonly length: number } | null = null;
  let parts: string[] = [];

  /** What stands before, between and after the prefixes. */
  function divide(payloads: readonly Payload[], length: number): string[] {
    const made = payloads.map((payload) => ({
      header: frameHeader(length + payload.bytes + 1),
      latin1: latin1Of(payload),
    }));
    return [
      made[0]?.header ?? '',
      ...made.map(({ latin1 }, index) => inOnePiece(`${latin1}}${made[index + 1]?.header ?? ''}`)),
    ];
  }

  /**
   * @param payloads - the same array, unchanged, for all who receive the same.
   * @param prefix - of the message around each payload, one character per byte; it ends with one brace.
   */
  return (payloads: readonly Payload[], prefix: string): string => {
    if (known?.payloads !== payloads || known.length !== prefix.length) {
      known = { payloads, length: prefix.length };
      parts = divide(payloads, prefix.length);
    }
    return parts.join(prefix);
  };
}
