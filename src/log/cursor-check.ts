import { badCursor, cursorExpired, type CursorPosition } from './cursor.js';
import { firstOf, tagOf, type LogRecord, type LogStore, type ReadLevel } from './log-store.js';

export type CursorCheck<Record extends LogRecord> = ReturnType<typeof createCursorCheck<Record>>;

/** Finds out whether what a cursor points at is still what it was. */
export function createCursorCheck<Record extends LogRecord>({
  store,
  fromMemory,
}: {
  readonly store: LogStore<Record>;
  readonly fromMemory: (logId: string, number: number) => Record | null;
}) {
  const read = async (logId: string, number: number, level: ReadLevel, signal: AbortSignal) =>
    (await store.get([{ logId, number }], level, signal))[0] ?? null;

  /**
   * The record at a position, or `below` when the log begins above it. `first` is where the log is known to
   * begin. The start of a log (number 0) is not to be asked for.
   *
   * @throws CodedError `CURSOR_EXPIRED` when another record has this number now, `BAD_CURSOR` when the position
   * is ahead of the log, `UNAVAILABLE`.
   */
  return async function checkCursor(
    logId: string,
    { number, tag }: CursorPosition,
    first: number,
    signal: AbortSignal,
  ): Promise<Record | 'below'> {
    if (number < first) return 'below';
    const record =
      fromMemory(logId, number) ??
      (await read(logId, number, 'majority', signal)) ??
      // Ahead of what a primary that was replaced can show, or ahead of the log?
      (await read(logId, number, 'linearizable', signal));
    if (record !== null) {
      if (tagOf(record) !== tag) throw cursorExpired();
      return record;
    }
    if (number < (await firstOf(store, logId, 'linearizable', signal))) return 'below';
    throw badCursor('This cursor is ahead of the list.');
  };
}
