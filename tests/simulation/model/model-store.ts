import { unavailable } from '../../../src/lib/coded-error.js';
import type {
  Appended,
  LogPosition,
  LogRecord,
  LogSession,
  LogStore,
  ReadLevel,
} from '../../../src/log/log-store.js';
import type { Dice } from './dice.js';
import { createReplicaSet, type ReplicaSet, type View } from './replica-set.js';
import type { Scheduler } from './scheduler.js';

/** What goes wrong between a client and the store; the adversary turns these. */
export interface StoreFaults {
  /** Probability that a request, or its answer, is lost. */
  loss: number;
  /** Probability that an insert arrives 400 ms late, whether its client waits or not. */
  lateInsert: number;
  /** Probability that an insert is carried out twice, and the second answer is the one that arrives. */
  repeated: number;
  /** No request is answered until this is over. */
  hung: boolean;
  /** Probability that a majority read goes to a primary that was replaced, for as long as that one believes in itself. */
  deposedRead: number;
}

/** What a store may do wrong. None in the store that production is promised. */
export interface StoreFlaws {
  /** Answers before a majority has the batch. */
  readonly answersBeforeMajority?: boolean;
  /** Tells a duplicate although what landed before it is not safe. */
  readonly ignoresWriteConcern?: boolean;
  /** Goes on behind a record that cannot be stored. */
  readonly unordered?: boolean;
  /** Tells the newest record that the primary has, durable or not. */
  readonly localHead?: boolean;
}

export interface ModelStore<Record extends LogRecord> extends LogStore<Record> {
  readonly faults: StoreFaults;
  readonly set: ReplicaSet<Record>;
}

const LATE_MS = 400;
/** How soon most clients notice that a connection is gone. */
const NOTICED_MS = 50;

/** How often a packet comes late. */
const SLOW = 0.03;

interface ModelSession extends LogSession {
  /** The newest operation that it has seen. */
  operation: number;
}

const isModelSession = (session: LogSession | null): session is ModelSession =>
  session !== null && 'operation' in session;

/** A store with replicas as clients see it: behind a network that loses and delays. */
export function createModelStore<Record extends LogRecord>(
  scheduler: Scheduler,
  dice: Dice,
  flaws: StoreFlaws = {},
): ModelStore<Record> {
  const set = createReplicaSet<Record>(scheduler, dice);
  const faults: StoreFaults = { loss: 0, lateInsert: 0, repeated: 0, hung: false, deposedRead: 0 };

  const travel = (): Promise<void> =>
    scheduler.sleep(dice.happens(SLOW) ? dice.between(5, 40) : dice.between(0.3, 2));

  /** Gives up when the signal aborts; what was asked goes on. */
  function patience<Value>(signal: AbortSignal, answer: Promise<Value>): Promise<Value> {
    return new Promise((resolve, reject) => {
      const give = (): void => reject(unavailable(signal.reason));
      if (signal.aborted) give();
      signal.addEventListener('abort', give, { once: true });
      const end = (): void => signal.removeEventListener('abort', give);
      answer.then(resolve, reject).then(end, end);
    });
  }

  async function lost(): Promise<never> {
    if (dice.happens(0.7)) {
      await scheduler.sleep(dice.between(1, NOTICED_MS));
      throw unavailable(new Error('connection closed'));
    }
    return new Promise(() => undefined);
  }

  async function exchange<Value>(serve: () => Promise<Value>, delayMs = 0): Promise<Value> {
    const of = set.restores();
    if (dice.happens(faults.loss)) return lost();
    await travel();
    if (delayMs > 0) await scheduler.sleep(delayMs);
    while (faults.hung) await scheduler.sleep(dice.between(5, 20));
    // Putting a backup back ends every connection.
    if (of !== set.restores()) return lost();
    const value = await serve();
    if (dice.happens(faults.loss)) return lost();
    await travel();
    return value;
  }

  /** Where a read is answered: by the primary, or by one that was replaced and does not know it. */
  async function readAt(level: ReadLevel, session: LogSession | null): Promise<View> {
    const deposed = set.deposed();
    const needs = isModelSession(session) ? session.operation : 0;
    if (level === 'majority' && deposed !== null && needs <= deposed.committed) {
      if (dice.happens(faults.deposedRead)) return deposed;
    }
    await set.whenPrimary();
    if (needs > 0) await set.whenCommitted(needs, set.term());
    await set.whenPrimary();
    return set.view();
  }

  const read = <Value>(
    signal: AbortSignal,
    level: ReadLevel,
    session: LogSession | null,
    answer: (view: View) => Value,
  ): Promise<Value> =>
    patience(
      signal,
      exchange(async () => answer(await readAt(level, session))),
    );

  async function serveAppend(batch: readonly Record[], session: LogSession): Promise<Appended> {
    const term = set.term();
    if (!set.hasPrimary()) return { outcome: 'unknown', landed: 0, cause: new Error('not primary') };
    const { landed, refused, operation } = set.insert(batch, flaws.unordered === true);
    if (isModelSession(session)) session.operation = Math.max(session.operation, operation);
    const outcome = refused ?? 'landed';
    if (flaws.answersBeforeMajority === true) return { outcome, landed };
    if (flaws.ignoresWriteConcern === true && refused !== null) return { outcome, landed };
    if (landed > 0 && !(await set.whenCommitted(operation, term))) {
      return { outcome: 'unknown', landed: 0, cause: new Error('write concern') };
    }
    return { outcome, landed };
  }

  return {
    faults,
    set,
    session(): ModelSession {
      return { operation: 0, end: () => undefined };
    },
    async append(batch, session, signal) {
      const late = dice.happens(faults.lateInsert) ? LATE_MS : 0;
      try {
        if (signal.aborted) throw unavailable(signal.reason);
        return await patience(
          signal,
          exchange(async () => {
            // As a driver does whose connection broke before the answer.
            if (dice.happens(faults.repeated)) await serveAppend(batch, session);
            return serveAppend(batch, session);
          }, late),
        );
      } catch (cause) {
        return { outcome: 'unknown', landed: 0, cause };
      }
    },
    get: (positions, level, signal) =>
      read(signal, level, null, (view) =>
        positions.flatMap((position: LogPosition) => set.at(position.logId, position.number, view) ?? []),
      ),
    range: (logId, after, through, signal) =>
      read(signal, 'majority', null, (view) =>
        set.all(logId, view).filter(({ number }) => number > after && number <= through),
      ),
    byKey: (logId, authorId, key, session, signal) =>
      read(
        signal,
        'majority',
        session,
        (view) => set.all(logId, view).find((one) => one.authorId === authorId && one.key === key) ?? null,
      ),
    newest: (logId, session, signal) =>
      read(signal, 'majority', session, (view) =>
        set.newest(logId, flaws.localHead === true ? set.localView() : view),
      ),
    firsts: (logIds, level, signal) => read(signal, level, null, (view) => set.firsts(logIds, view)),
  };
}
