import { sleep, type Clock } from '../lib/clock.js';
import { unavailable } from '../lib/coded-error.js';
import type { Chance } from '../lib/ids.js';
import type { Logger } from '../lib/logger.js';
import { createAppendQueue, type QueuesOfInstance, type Waiting } from './append-queue.js';
import { createCallLimit } from './call-limit.js';
import { headOf, momentOf, type Head, type KnownHead, type Moment } from './known-head.js';
import type { LogEvent } from './log-bus.js';
import type { LogLimits } from './log-limits.js';
import type { LogMetrics } from './log-metrics.js';
import type { LogRecord, LogSession, LogStore, Unnumbered } from './log-store.js';
import type { LogAppended } from './log.js';
import { createTurns } from './turns.js';

/** The pause after an outcome that is not known; doubled for each in a row, the first as well. */
const FAILURE_PAUSE_MS = 5;

/** What all writers of an instance have in common. */
interface WriterParts<Record extends LogRecord> {
  readonly store: LogStore<Record>;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly limits: LogLimits;
  readonly log: Logger;
  readonly metrics: LogMetrics;
  readonly instance: QueuesOfInstance;
  /** Runs its argument when the input of this turn of the event loop was handled: sends of one turn are one batch. */
  readonly defer: (callback: () => void) => void;
  /** The record that an entry becomes under a number. */
  readonly numbered: (entry: Unnumbered<Record>, number: number) => Record;
  readonly sameInput: (stored: Record, entry: Unnumbered<Record>) => boolean;
  readonly sizeOf: (entry: Unnumbered<Record>) => number;
}

interface WriterOptions<Record extends LogRecord> {
  readonly logId: string;
  readonly head: KnownHead<Record>;
  /** A record of this writer is durable; called once per record, in order. */
  readonly onLanded: (event: LogEvent<Record>) => void;
  /** A key was stored already; `own`: by a try of this writer whose outcome was not known. */
  readonly onFound: (record: Record, own: boolean) => void;
  /** Whether a feed of this instance tells soon what others have stored. */
  readonly hearsOthers: () => boolean;
}

export type LogWriter<Record extends LogRecord> = ReturnType<typeof createLogWriter<Record>>;

/**
 * Appends to one log for this instance: numbers densely from the known head, inserts ordered batches, and
 * acknowledges only what the store said is durable. What is not known is tried again, the same entries under the
 * same keys, for as long as somebody waits. One batch at a time.
 */
export function createLogWriter<Record extends LogRecord>(
  parts: WriterParts<Record>,
  options: WriterOptions<Record>,
) {
  const { store, clock, chance, limits, log, metrics } = parts;
  const { logId, head } = options;
  let pumping = false;
  /** Those for whom the store is being asked. */
  let asking: readonly Waiting<Record>[] = [];
  const limit = createCallLimit(clock, limits.storeCallMs);
  const turns = createTurns({ head, clock, chance, limits, hearsOthers: options.hearsOthers });
  let failures = 0;

  const queue = createAppendQueue<Record>(parts, () => {
    if (asking.length > 0 && asking.every((item) => !item.open)) limit.abort();
  });

  function append(entry: Unnumbered<Record>, signal: AbortSignal): Promise<LogAppended<Record>> {
    const answer = queue.add(entry, signal);
    if (!pumping && !queue.isEmpty()) {
      pumping = true;
      parts.defer(() => void pump());
    }
    return answer;
  }

  async function pump(): Promise<void> {
    let session = store.session();
    while (!queue.isEmpty()) {
      await turns.mine();
      const outcome = await attempt(session);
      if (outcome === 'known') continue;
      // What a later read sees must not depend on a session whose primary may be gone.
      session.end();
      session = store.session();
      head.forget();
      failures += 1;
      await sleep(
        clock,
        Math.min(limits.maxFailurePauseMs, FAILURE_PAUSE_MS * 2 ** failures) * (1 - chance() / 2),
      );
    }
    session.end();
    failures = 0;
    pumping = false;
  }

  /** One insert. `failed`: nothing is known any more. */
  async function attempt(session: LogSession): Promise<'known' | 'failed'> {
    try {
      if (head.get() === null) await call(queue.open(), (signal) => readHead(session, 0, signal));
      const base = head.get();
      // This instance stood still since it asked, for so long that the answer says nothing any more.
      if (base === null) return 'known';
      const batch = queue.batch();
      const records = batch.map((item, index) => parts.numbered(item.entry, base.number + 1 + index));
      if (records.length === 0) return 'known';
      metrics.writerBatch(records.length);
      const at = momentOf(clock);
      const result = await call(batch, (signal) => store.append(records, session, signal));
      if (result.outcome === 'unknown') {
        metrics.writerUnknownOutcome();
        return failed(result.cause);
      }
      failures = 0;
      if (result.landed > 0) turns.stored(clock.monotonic() - at.monotonic);
      landed(at, base, batch, result.landed === records.length ? records : records.slice(0, result.landed));
      const next = batch[result.landed];
      if (result.outcome === 'duplicate' && next !== undefined) await settleDuplicate(next, session);
      if (result.outcome === 'conflict') await afterConflict(base.number + result.landed, session);
      return 'known';
    } catch (error) {
      return failed(error);
    }
  }

  function failed(cause: unknown): 'failed' {
    const fields = { logId, err: cause };
    if (failures === 0) log.warn(fields, 'append: outcome unknown, trying again under the same keys');
    else log.debug(fields, 'append: outcome still unknown');
    return 'failed';
  }

  /** Waits for the store as long as one of `items` is waited for, at most the limit of one call. */
  async function call<Value>(
    items: readonly Waiting<Record>[],
    ask: (signal: AbortSignal) => Promise<Value>,
  ): Promise<Value> {
    asking = items;
    try {
      return await ask(limit.begin());
    } finally {
      asking = [];
      limit.end();
    }
  }

  async function readHead(session: LogSession, from: number, signal: AbortSignal): Promise<void> {
    const at = momentOf(clock);
    head.proven(headOf(await store.newest(logId, session, signal, from)), at);
  }

  function landed(
    at: Moment,
    base: Head<Record>,
    batch: readonly Waiting<Record>[],
    records: readonly Record[],
  ): void {
    if (records.length === 0) return;
    queue.removeFirst(records.length);
    head.proven(headOf(records.at(-1) ?? null), at);
    for (const [index, record] of records.entries()) {
      const item = batch[index];
      if (item !== undefined) queue.settle(item).resolve({ outcome: 'stored', record, duplicate: false });
    }
    let previousTag = base.tag;
    for (const record of records) {
      const event = { record, previousTag };
      options.onLanded(record === records.at(-1) ? { ...event, writer: turns.name } : event);
      previousTag = headOf(record).tag;
    }
  }

  async function settleDuplicate(item: Waiting<Record>, session: LogSession): Promise<void> {
    const { authorId, key } = item.entry;
    const stored = await call([item], (signal) => store.byKey(logId, authorId, key, session, signal));
    if (stored === null) {
      // The record that was in the way has been rolled back, and perhaps more with it.
      head.forget();
      return sleep(clock, chance() * limits.maxConflictPauseMs);
    }
    queue.remove(item);
    if (!parts.sameInput(stored, item.entry)) return queue.settle(item).resolve({ outcome: 'conflict' });
    const own = stored.call === item.entry.call;
    queue.settle(item).resolve({ outcome: 'stored', record: stored, duplicate: !own });
    options.onFound(stored, own);
  }

  /** The number behind `number` was taken: goes on behind what the feed has released since, else behind what the store says. */
  async function afterConflict(number: number, session: LogSession): Promise<void> {
    metrics.writerConflict();
    if (!(await turns.lost(number))) await call(queue.open(), (signal) => readHead(session, number, signal));
  }

  return {
    append,
    heard: (writer: string, number: number): void => turns.heard(writer, number),
    /** Nothing waits and nothing is under way. */
    idle: (): boolean => !pumping,
    /** Answers everybody who still waits with `UNAVAILABLE`. */
    refuse(): void {
      for (const item of queue.open()) queue.settle(item).reject(unavailable());
      limit.abort();
    },
  };
}
