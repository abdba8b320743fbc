import type { Followed } from '../lib/followed.js';
import type { LogPosition, LogRecord, Unnumbered } from './log-store.js';

/** A page of a log. Records ascend. */
export interface LogPage<Record extends LogRecord> {
  readonly records: readonly Record[];
  /** Whether a record precedes the first one of this page, or of the range when it is empty. */
  readonly hasPrevious: boolean;
  /** Whether a record follows the last one of this page, or of the range when it is empty. */
  readonly hasNext: boolean;
  /** How many records are kept. */
  readonly total: number;
  /** Cursor of the log's head as of this read, set for an empty log too. */
  readonly resumeCursor: string;
}

/** `first` counts from the start of the range, `last` from its end; the range lies between two cursors. */
export interface LogRange {
  readonly take: 'first' | 'last';
  readonly count: number;
  readonly after: string | null;
  readonly before: string | null;
}

/** One record for one subscriber. */
export interface LogDelivery<Record extends LogRecord> {
  readonly record: Record;
  readonly cursor: string;
  readonly replayed: boolean;
  /** How many records directly before this one were left out. */
  readonly skippedCount: number;
}

/** What a log offers to a domain: append, read pages, follow. See docs/SPEC.md for the rules (LOG-*). */
export interface Log<Record extends LogRecord> {
  /**
   * Appends one entry and resolves when it is durable. With a key that exists it resolves with the stored
   * record (`duplicate`: stored by an earlier call) if `sameInput` accepts it, else with `conflict`.
   *
   * @throws CodedError `OVERLOADED` (queue full) or `UNAVAILABLE` (outcome unknown).
   */
  append(logId: string, entry: Unnumbered<Record>, signal: AbortSignal): Promise<LogAppended<Record>>;
  /** The record stored under this author's key, or null. */
  byKey(logId: string, authorId: string, key: string, signal: AbortSignal): Promise<Record | null>;
  /** Records at positions; those that do not exist are left out. From memory where possible. */
  get(positions: readonly LogPosition[], signal: AbortSignal): Promise<readonly Record[]>;
  /** The newest record, null for an empty log. Never older than what this instance has acknowledged or delivered. */
  newest(logId: string, signal: AbortSignal): Promise<Record | null>;
  /** @throws CodedError `BAD_CURSOR`, `CURSOR_EXPIRED`, `UNAVAILABLE`. */
  page(logId: string, range: LogRange, signal: AbortSignal): Promise<LogPage<Record>>;
  /**
   * A source to follow this log with; positions are numbers. Give it back with `close`.
   *
   * @throws CodedError `UNAVAILABLE` after `stop`.
   */
  follow(logId: string): Followed<number, LogDelivery<Record>>;
  /** Waits until the writers have finished (at most `ms`; the rest is refused with `UNAVAILABLE`), then ends all feeds. */
  stop(ms: number): Promise<void>;
}

export type LogAppended<Record extends LogRecord> =
  | { readonly outcome: 'stored'; readonly record: Record; readonly duplicate: boolean }
  | { readonly outcome: 'conflict' };
