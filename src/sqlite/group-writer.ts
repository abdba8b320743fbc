import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { createAbortWatch } from '../lib/abort-watch.js';
import { unavailable } from '../lib/coded-error.js';
import type { Logger } from '../lib/logger.js';
import type { FromWorker, GroupOutcome, ToWorker, Write, Written } from './write-protocol.js';

/** Rows of one transaction: more would make all of its writers wait longer than one commit is worth. */
const MAX_GROUP_ROWS = 2000;

/** Writes to the database, many to a transaction. */
export interface GroupWriter {
  /**
   * Runs one statement once per row, in order, and resolves when that is durable. A row that a constraint
   * refuses is undone alone and ends this write: the rows before it stay, the rest is not run. No write can
   * make another one fail.
   *
   * @throws CodedError `UNAVAILABLE` when there was no answer before `signal` aborted (it may still be run, or
   *   not), or when the transaction failed (it was not run).
   * @throws Error when the statement itself is wrong.
   */
  readonly write: (write: Write, signal: AbortSignal) => Promise<Written>;
  /** Whether the thread that writes is there. */
  readonly alive: () => boolean;
  /** Waits for what was asked for, then closes the connection. Twice is fine. */
  readonly stop: () => Promise<void>;
}

interface Waiting {
  readonly write: Write;
  readonly settle: (outcome: Written | { readonly failed: string }) => void;
  readonly fail: (error: Error) => void;
}

/**
 * Starts the thread that writes to `file`. While it commits one group, the next one collects: two at a time
 * would be half as full, and wait for the disk twice.
 *
 * @throws Error when the thread cannot open the database.
 */
export async function startGroupWriter(deps: { file: string; log: Logger }): Promise<GroupWriter> {
  const worker = new Worker(new URL(`./commit-worker${extname(import.meta.url)}`, import.meta.url), {
    workerData: { file: deps.file },
  });
  const aborts = createAbortWatch();
  const collecting = new Set<Waiting>();
  /** The group that the thread has. */
  let sent: readonly Waiting[] = [];
  let scheduled = false;
  /** Why the last group failed, null when it did not: one line per change in the log, not one per group. */
  let failure: string | null = null;
  let onIdle: (() => void) | null = null;
  let stopped: Promise<void> | undefined;
  const state = { alive: false };

  const tell = (message: ToWorker): void => worker.postMessage(message);

  function schedule(send: () => void): void {
    if (scheduled) return;
    scheduled = true;
    setImmediate(send);
  }

  function takeGroup(): readonly Waiting[] {
    const group: Waiting[] = [];
    let rows = 0;
    for (const waiting of collecting) {
      rows += waiting.write.rows.length;
      if (group.length > 0 && rows > MAX_GROUP_ROWS) break;
      group.push(waiting);
      collecting.delete(waiting);
    }
    return group;
  }

  function sendGroup(): void {
    scheduled = false;
    sent = takeGroup();
    if (sent.length === 0) onIdle?.();
    else tell({ kind: 'group', writes: sent.map((waiting) => waiting.write) });
  }

  function finishGroup(outcome: GroupOutcome): void {
    const group = sent;
    sent = [];
    // Who is told now and comes again in the next turn goes along.
    schedule(() => setImmediate(sendGroup));
    if (outcome.kind === 'failed') {
      if (outcome.reason !== failure) {
        deps.log.error({ writes: group.length, reason: outcome.reason }, 'a transaction failed');
      }
      failure = outcome.reason;
      for (const waiting of group) waiting.fail(unavailable(new Error(outcome.reason)));
      return;
    }
    if (failure !== null) deps.log.info({}, 'transactions are written again');
    failure = null;
    for (const [index, waiting] of group.entries()) {
      waiting.settle(outcome.writes[index] ?? { failed: 'the thread that writes gave no answer' });
    }
  }

  function giveUp(reason: Error): void {
    state.alive = false;
    for (const waiting of [...sent, ...collecting]) waiting.fail(unavailable(reason));
    sent = [];
    collecting.clear();
    onIdle?.();
  }

  function write(write: Write, signal: AbortSignal): Promise<Written> {
    if (signal.aborted) return Promise.reject(unavailable(signal.reason));
    if (!state.alive || stopped !== undefined) return Promise.reject(unavailable());
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        collecting.delete(waiting);
        reject(unavailable(signal.reason));
      };
      const waiting: Waiting = {
        write,
        settle(outcome) {
          aborts.remove(signal, onAbort);
          if ('failed' in outcome) reject(new Error(outcome.failed));
          else resolve(outcome);
        },
        fail(error) {
          aborts.remove(signal, onAbort);
          reject(error);
        },
      };
      aborts.add(signal, onAbort);
      collecting.add(waiting);
      // Everything else that this turn writes goes along.
      if (sent.length === 0) schedule(sendGroup);
    });
  }

  async function close(): Promise<void> {
    if (sent.length > 0 || collecting.size > 0) {
      await new Promise<void>((resolve) => {
        onIdle = resolve;
      });
    }
    if (!state.alive) return;
    state.alive = false;
    const exited = new Promise((resolve) => {
      worker.once('exit', resolve);
    });
    tell({ kind: 'close' });
    await exited;
  }

  await new Promise<void>((resolve, reject) => {
    worker.on('message', (message: FromWorker) => {
      if (message.kind !== 'ready') return finishGroup(message);
      state.alive = true;
      resolve();
    });
    worker.on('error', (error) => {
      deps.log.error({ reason: String(error) }, 'the thread that writes has failed');
      giveUp(error);
      reject(error);
    });
    worker.on('exit', () => {
      const ended = new Error('the thread that writes has ended');
      if (state.alive) giveUp(ended);
      reject(ended);
    });
  });

  return { write, alive: () => state.alive, stop: () => (stopped ??= close()) };
}
