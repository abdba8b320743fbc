import type { LogRecord } from '../../../src/log/log-store.js';
import type { Dice } from './dice.js';
import type { Scheduler } from './scheduler.js';

/** What one read sees: everything below an operation. */
export interface View {
  readonly committed: number;
}

interface Stored<Record extends LogRecord> {
  readonly record: Record;
  /** The operation that stored it, and the one that removed it. */
  readonly operation: number;
  removedBy: number;
  readonly storedAt: number;
}

interface ModelLog<Record extends LogRecord> {
  readonly records: Map<number, Stored<Record>>;
  /** Each rise of `first`, with its operation. */
  firsts: { readonly operation: number; readonly first: number }[];
}

/** A copy of what was durable. */
export interface Backup<Record extends LogRecord> {
  readonly logs: ReadonlyMap<string, { readonly records: readonly Record[]; readonly first: number }>;
}

export type ReplicaSet<Record extends LogRecord> = ReturnType<typeof createReplicaSet<Record>>;

/**
 * Primary and secondaries: an operation is in force on the primary at once, and durable when a majority has it;
 * a step-down keeps what is durable and a part of the rest.
 */
export function createReplicaSet<Record extends LogRecord>(scheduler: Scheduler, dice: Dice) {
  let logs = new Map<string, ModelLog<Record>>();
  let operations = 0;
  let committed = 0;
  let term = 1;
  let primary = true;
  let commitDueAt = 0;
  let deposed: View | null = null;
  let restores = 0;
  let waiters: { readonly operation: number; readonly term: number; settle: (safe: boolean) => void }[] = [];
  let primaryWaiters: (() => void)[] = [];
  /** How long a majority takes. */
  const lag = { low: 0.5, high: 4 };

  const localView = (): View => ({ committed: operations });
  const view = (): View => ({ committed });
  const sees = (stored: Stored<Record>, { committed: limit }: View): boolean =>
    stored.operation < limit && stored.removedBy >= limit;

  function logOf(logId: string): ModelLog<Record> {
    const log = logs.get(logId) ?? { records: new Map(), firsts: [] };
    logs.set(logId, log);
    return log;
  }

  function commitLater(): void {
    const through = operations;
    const of = term;
    commitDueAt = Math.max(commitDueAt, scheduler.now() + dice.between(lag.low, lag.high));
    scheduler.after(commitDueAt - scheduler.now(), () => {
      if (of !== term || through <= committed) return;
      committed = through;
      settleWaiters();
    });
  }

  function settleWaiters(): void {
    const open = waiters;
    waiters = [];
    for (const waiter of open) {
      if (waiter.term !== term) waiter.settle(false);
      else if (waiter.operation <= committed) waiter.settle(true);
      else waiters.push(waiter);
    }
  }

  function refusal(log: ModelLog<Record>, record: Record): 'conflict' | 'duplicate' | null {
    const taken = log.records.get(record.number);
    if (taken !== undefined && taken.removedBy === Number.POSITIVE_INFINITY) return 'conflict';
    for (const { record: other, removedBy } of log.records.values()) {
      if (removedBy < Number.POSITIVE_INFINITY) continue;
      if (other.key === record.key && other.authorId === record.authorId) return 'duplicate';
    }
    return null;
  }

  /** On the primary, at once. `operation`: everything of the batch lies below it. */
  function insert(batch: readonly Record[], unordered: boolean) {
    let landed = 0;
    let refused: 'conflict' | 'duplicate' | null = null;
    for (const record of batch) {
      const log = logOf(record.logId);
      const problem = refusal(log, record);
      refused ??= problem;
      if (problem !== null && !unordered) break;
      if (problem !== null) continue;
      const stored = { record, operation: operations, removedBy: Number.POSITIVE_INFINITY };
      log.records.set(record.number, { ...stored, storedAt: scheduler.now() });
      operations += 1;
      if (refused === null) landed += 1;
    }
    commitLater();
    return { landed, refused, operation: operations };
  }

  /** Resolves with true when a majority has everything below `operation`, with false when this term ended before. */
  function whenCommitted(operation: number, of: number): Promise<boolean> {
    if (of !== term) return Promise.resolve(false);
    if (operation <= committed) return Promise.resolve(true);
    return new Promise((settle) => void waiters.push({ operation, term: of, settle }));
  }

  async function whenPrimary(): Promise<void> {
    if (!primary) await new Promise<void>((resolve) => void primaryWaiters.push(resolve));
  }

  /** Drops what the new primary does not have. */
  function rollBack(keep: number): void {
    for (const log of logs.values()) {
      for (const [number, stored] of log.records) {
        if (stored.operation >= keep) log.records.delete(number);
        else if (stored.removedBy >= keep) stored.removedBy = Number.POSITIVE_INFINITY;
      }
      log.firsts = log.firsts.filter(({ operation }) => operation < keep);
    }
    // Numbers of operations are not used again, so that an old view never sees what came later.
    committed = operations;
    commitDueAt = 0;
  }

  /** Another member becomes primary after `electionMs`; the old one believes in itself for `deposedMs`. */
  function stepDown(electionMs: number, deposedMs: number): void {
    if (!primary) return;
    const old: View = { committed };
    const keep = dice.whole(committed, operations);
    primary = false;
    term += 1;
    settleWaiters();
    rollBack(keep);
    deposed = old;
    scheduler.after(deposedMs, () => {
      if (deposed === old) deposed = null;
    });
    scheduler.after(electionMs, () => {
      primary = true;
      const open = primaryWaiters;
      primaryWaiters = [];
      for (const resolve of open) resolve();
    });
  }

  const all = (logId: string, at: View): Record[] => {
    const records: Record[] = [];
    for (const stored of logs.get(logId)?.records.values() ?? []) {
      if (sees(stored, at)) records.push(stored.record);
    }
    return records.toSorted((a, b) => a.number - b.number);
  };

  function firstOf(log: ModelLog<Record>, at: View): number {
    return log.firsts.reduce((first, rise) => (rise.operation < at.committed ? rise.first : first), 1);
  }

  return {
    lag,
    restores: () => restores,
    term: () => term,
    hasPrimary: () => primary,
    deposed: () => deposed,
    view,
    localView,
    insert,
    whenCommitted,
    whenPrimary,
    stepDown,
    all,
    at(logId: string, number: number, at: View): Record | null {
      const stored = logs.get(logId)?.records.get(number);
      return stored !== undefined && sees(stored, at) ? stored.record : null;
    },
    storedAt: (logId: string, number: number): number | null =>
      logs.get(logId)?.records.get(number)?.storedAt ?? null,
    newest: (logId: string, at: View): Record | null => all(logId, at).at(-1) ?? null,
    firsts: (logIds: readonly string[], at: View): Map<string, number> =>
      new Map(
        logIds.flatMap((logId) => {
          const log = logs.get(logId);
          return log === undefined ? [] : [[logId, firstOf(log, at)] as const];
        }),
      ),
    addLog: (logId: string): void => void logOf(logId),
    /** Raises `first`. Resolves with whether that is durable. */
    raiseFirst(logId: string, first: number): Promise<boolean> {
      logOf(logId).firsts.push({ operation: operations, first });
      operations += 1;
      commitLater();
      return whenCommitted(operations, term);
    },
    /** Removes what lies below `first`, up to `through`. */
    remove(logId: string, through: number): void {
      for (const [number, stored] of logOf(logId).records) {
        if (number <= through && stored.removedBy === Number.POSITIVE_INFINITY) stored.removedBy = operations;
      }
      operations += 1;
      commitLater();
    },
    /** The highest number that was durable before `time`; 0 when there is none. */
    olderThan(logId: string, time: number): number {
      const old = [...logOf(logId).records.values()].filter(
        (one) => one.storedAt < time && sees(one, view()),
      );
      return Math.max(0, ...old.map(({ record }) => record.number));
    },
    backup: (): Backup<Record> => ({
      logs: new Map(
        [...logs].map(([logId, log]) => [
          logId,
          { records: all(logId, view()), first: firstOf(log, view()) },
        ]),
      ),
    }),
    /** Everything is as it was; nothing that is under way is answered any more. */
    restore(backup: Backup<Record>): void {
      restores += 1;
      term += 1;
      settleWaiters();
      deposed = null;
      logs = new Map();
      for (const [logId, { records, first }] of backup.logs) {
        const log = logOf(logId);
        log.firsts.push({ operation: operations, first });
        for (const record of records) {
          const stored = { record, operation: operations, removedBy: Number.POSITIVE_INFINITY };
          log.records.set(record.number, { ...stored, storedAt: scheduler.now() });
        }
      }
      operations += 1;
      committed = operations;
      commitDueAt = 0;
    },
  };
}
