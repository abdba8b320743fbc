import type { LogRecord } from '../log/log-store.js';

/** One message as it is stored. `logId` is the identifier of its room. */
export interface Message extends LogRecord {
  /** Trimmed, in NFC. Empty means that it was removed. */
  readonly text: string;
  readonly createdAt: Date;
}

/** The client's idempotency key of a message, or null when it was sent without one. */
export const idempotencyKeyOf = (message: Message): string | null =>
  message.key.startsWith('c:') ? message.key.slice(2) : null;
