/** What a record carries before it has a number. */
export interface LogEntry {
  /** Who appends: the idempotency key belongs to the author and the log. */
  readonly authorId: string;
  /** `c:` + the client's idempotency key, else `s:` + `call`. Unique per (log, author), for ever. */
  readonly key: string;
  /** 64 random bits, 16 hexadecimal digits: one per call of `append`, so that one's own record is recognised. */
  readonly call: string;
}

/** What a `call` looks like. */
export const CALL_PATTERN = /^[0-9a-f]{16}$/;

/** One record of a log. Numbers are dense: 1, 2, 3 … without a hole. */
export interface LogRecord extends LogEntry {
  /** Which log it belongs to. */
  readonly logId: string;
  readonly number: number;
}

/** What is appended: a record that has no number yet. */
export type Unnumbered<Record extends LogRecord> = Omit<Record, 'number'> & LogEntry;

/** 32 bits that tell apart two records that had the same number before and after a history was rewritten. */
export type Tag = number;
export const MAX_TAG: Tag = 0xffff_ffff;

/** Tag of a record: the first 32 bits of its `call`. */
export const tagOf = (record: LogEntry): Tag => Number.parseInt(record.call.slice(0, 8), 16);

/** A place in a log. */
export interface LogPosition {
  readonly logId: string;
  readonly number: number;
}

/**
 * What became of a batch. `landed` counts the records that are durable: always a prefix of the batch.
 *
 * - `landed`: all of them.
 * - `conflict`: the next one's number is taken; somebody else was faster.
 * - `duplicate`: the next one's (log, author, key) exists already.
 * - `unknown`: no answer, a failover, a write-concern error: the rest, and even what landed, may or may not
 *   become visible; `landed` is 0.
 */
export type Appended =
  | { readonly outcome: 'landed' | 'conflict' | 'duplicate'; readonly landed: number }
  | { readonly outcome: 'unknown'; readonly landed: 0; readonly cause: unknown };

/** A causally ordered view: what one call saw or wrote, the later calls with the same session see. */
export interface LogSession {
  /** Gives it back; twice does nothing. */
  end(): void;
}

/** How sure a read must be: `linearizable` also excludes a deposed primary, and is slow. */
export type ReadLevel = 'majority' | 'linearizable';

/**
 * The truth: dense logs of records, in a store that keeps what it acknowledged. Everything that it answers is
 * majority-committed and journaled, or, on one machine, safe from power loss.
 *
 * Every call throws `CodedError('UNAVAILABLE')` when the store does not answer before `signal` aborts, or when
 * it says that it cannot answer now; `append` instead answers `unknown`.
 */
export interface LogStore<Record extends LogRecord> {
  session(): LogSession;
  /**
   * Stores a batch of one log: consecutive numbers, at most 256 records. Ordered: a prefix lands, never a
   * subset. Repeating a batch that landed gives `conflict` or `duplicate`, never a second copy.
   */
  append(batch: readonly Record[], session: LogSession, signal: AbortSignal): Promise<Appended>;
  /** The records at these positions (at most 200), in any order; those that do not exist are left out. */
  get(positions: readonly LogPosition[], level: ReadLevel, signal: AbortSignal): Promise<readonly Record[]>;
  /** The records with `after < number ≤ through`, ascending; at most 256 apart. */
  range(logId: string, after: number, through: number, signal: AbortSignal): Promise<readonly Record[]>;
  /** The record of this author under this key, or null. */
  byKey(
    logId: string,
    authorId: string,
    key: string,
    session: LogSession | null,
    signal: AbortSignal,
  ): Promise<Record | null>;
  /**
   * The record with the highest number, read after the call was made; null for an empty log.
   *
   * @param from - a number that was seen in this log, from which it is quicker to look upwards; 0: none. The
   *   answer does not depend on it.
   */
  newest(
    logId: string,
    session: LogSession | null,
    signal: AbortSignal,
    from?: number,
  ): Promise<Record | null>;
  /**
   * For each of these logs (at most 200) the lowest number that is kept: 1 unless older records were dropped.
   * Raised before the records are dropped. Logs that are not known are left out.
   */
  firsts(
    logIds: readonly string[],
    level: ReadLevel,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, number>>;
}

/** The lowest number that is kept of one log. Throws as `firsts` does. */
export async function firstOf(
  store: Pick<LogStore<LogRecord>, 'firsts'>,
  logId: string,
  level: ReadLevel,
  signal: AbortSignal,
): Promise<number> {
  return (await store.firsts([logId], level, signal)).get(logId) ?? 1;
}
