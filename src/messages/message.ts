import type { Problem } from '../lib/problem.js';
import { codePoints } from '../lib/text.js';
import { encodeCursor } from '../log/cursor.js';
import { type LogRecord, tagOf } from '../log/log-store.js';

/** One message as it is stored. `logId` is the identifier of its room. */
export interface Message extends LogRecord {
  /** Trimmed, in NFC. Empty means that it was removed. */
  readonly text: string;
  readonly createdAt: Date;
}

/** The client's idempotency key of a message, or null when it was sent without one. */
export const idempotencyKeyOf = (message: Message): string | null =>
  message.key.startsWith('c:') ? message.key.slice(2) : null;

/** Of a number, so that text sorts as time does; eight digits until the year 2059. */
const TIME_RADIX = 36;

/**
 * The key under which a message is stored: the client's, or one of its own for a message without. Those begin with
 * their time, so that a store that sorts them appends.
 *
 * @param at - milliseconds since the epoch.
 * @param call - unique to the call.
 */
export const storedKey = (idempotencyKey: string | null, at: number, call: string): string =>
  idempotencyKey === null ? `s:${at.toString(TIME_RADIX)}${call}` : `c:${idempotencyKey}`;

/** In Unicode code points. */
const MAX_KEY_LENGTH = 64;

/** Why a client's idempotency key cannot be used; empty when it can, or when there is none. */
export function idempotencyKeyProblems(key: string | null): Problem[] {
  if (key === null) return [];
  const length = codePoints(key);
  if (length > 0 && length <= MAX_KEY_LENGTH && key.isWellFormed() && !/\p{Cc}/u.test(key)) return [];
  const message = `The idempotency key must have 1 to ${MAX_KEY_LENGTH} characters and no control characters.`;
  return [{ code: 'INVALID_INPUT', message, field: 'idempotencyKey' }];
}

/** The cursor behind a message. */
export const cursorOf = (message: Message): string =>
  encodeCursor(message.logId, { number: message.number, tag: tagOf(message) });

/** The message that an entry becomes under its number. */
export const numbered = (
  { logId, authorId, text, createdAt, key, call }: Omit<Message, 'number'>,
  number: number,
  // Written out: what is spread has a hidden class of its own in V8, and most rooms keep one message in memory.
): Message => ({ logId, number, authorId, text, createdAt, key, call });

/** Whether a repeated send asks for what is stored. A removed message, whose text is empty, counts as it was. */
export const sameInput = (stored: Message, { text }: Pick<Message, 'text'>): boolean =>
  stored.text === '' || stored.text === text;

/** What a message takes besides its text: identifiers, key, time, and the object that holds them. */
const MESSAGE_OVERHEAD_BYTES = 300;
/** UTF-8 takes at most that many bytes for a UTF-16 unit. */
const BYTES_PER_UNIT = 3;

/** About how many bytes a message takes, rather too many than too few. */
export const approximateBytes = ({ text }: Omit<Message, 'number'>): number =>
  MESSAGE_OVERHEAD_BYTES + text.length * BYTES_PER_UNIT;
