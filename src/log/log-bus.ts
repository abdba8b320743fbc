import type { LogRecord, Tag } from './log-store.js';

/** What travels between instances: a hint that a record exists. The store is the truth. */
export interface LogEvent<Record extends LogRecord> {
  readonly record: Record;
  /** Tag of the record before it (0 for the first one); null when the sender did not know it. */
  readonly previousTag: Tag | null;
  /** With the last record of an insert: whose it was, 8 hexadecimal digits. Whoever waited for it may write now. */
  readonly writer?: string;
}

/** `push`: what is published arrives. `polling`: it may not, so ask the store. */
export type BusMode = 'push' | 'polling';

/**
 * Carries hints. May lose, repeat and reorder them. Nothing here ever throws or rejects because the bus is
 * away, and nobody waits for a publish.
 */
export interface LogBus<Record extends LogRecord> {
  publish(event: LogEvent<Record>): void;
  /** Everything published on this log from when `ready` resolves until `close`. */
  subscribe(logId: string, listener: (event: LogEvent<Record>) => void): BusSubscription;
  mode(): BusMode;
  /** Calls `listener` after each change of mode; on `push` all subscriptions are in force again. Returns how to end it. */
  onMode(listener: (mode: BusMode) => void): () => void;
}

export interface BusSubscription {
  /** Resolves when the subscription is in force; may never do so while the bus hangs. Never rejects. */
  readonly ready: Promise<void>;
  /** Twice does nothing. */
  close(): void;
}
