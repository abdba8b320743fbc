import { CodedError } from '../lib/coded-error.js';
import type { Tag } from './log-store.js';

/** What a cursor says: a number of one log, and the tag of the record that had it. Number 0, tag 0 is the start. */
export interface CursorPosition {
  readonly number: number;
  readonly tag: Tag;
}

// Layout, big endian: version (1 byte) | log (16 bytes) | number (6 bytes) | tag (4 bytes). 27 bytes are 36
// characters of base64url without padding, so each position has exactly one spelling.
const VERSION = 1;
const LOG_AT = 1;
const NUMBER_AT = 17;
const NUMBER_BYTES = 6;
const TAG_AT = 23;
const CURSOR_BYTES = 27;
const CURSOR_CHARACTERS = 36;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The cursor of a record's position, or of the start of a log. `logId` is a UUID in lower case. */
export function encodeCursor(logId: string, position: CursorPosition): string {
  if (!UUID.test(logId)) throw new TypeError('The identifier of a log is a UUID in lower case.');
  const bytes = Buffer.allocUnsafe(CURSOR_BYTES);
  bytes[0] = VERSION;
  bytes.write(logId.replaceAll('-', ''), LOG_AT, 'hex');
  bytes.writeUIntBE(position.number, NUMBER_AT, NUMBER_BYTES);
  bytes.writeUInt32BE(position.tag, TAG_AT);
  return bytes.toString('base64url');
}

/**
 * Reads a cursor of this log.
 *
 * @throws CodedError `BAD_CURSOR` for anything that `encodeCursor` does not make for this log.
 */
export function decodeCursor(logId: string, cursor: string): CursorPosition {
  const bytes = cursor.length === CURSOR_CHARACTERS ? Buffer.from(cursor, 'base64url') : Buffer.alloc(0);
  if (bytes.length !== CURSOR_BYTES || bytes.toString('base64url') !== cursor || bytes[0] !== VERSION) {
    throw badCursor('This is not a cursor of this list.');
  }
  if (bytes.toString('hex', LOG_AT, NUMBER_AT) !== logId.replaceAll('-', '')) {
    throw badCursor('This cursor belongs to another list.');
  }
  const number = bytes.readUIntBE(NUMBER_AT, NUMBER_BYTES);
  const tag = bytes.readUInt32BE(TAG_AT);
  if (number === 0 && tag !== 0) throw badCursor('This is not a cursor of this list.');
  return { number, tag };
}

export const badCursor = (message: string): CodedError => new CodedError('BAD_CURSOR', message);

export const cursorExpired = (): CodedError =>
  new CodedError('CURSOR_EXPIRED', 'The history this cursor points into is gone. Read the newest page.');
