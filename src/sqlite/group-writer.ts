import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { createAbortWatch } from '../lib/abort-watch.js';
import { unavailable } from '../lib/coded-error.js';
import type { Logger } from '../lib/logger.js';
import type { FromWorker, GroupOutcome, ToWorker, Write, Written } from './write-protocol.js';

/** Rows of one transaction: more would make all of its writers wait longer than one commit is worth. */
const MAX_GROUP_ROWS = 2000;
/**
 * A group of so many writes may be sent while another one is running: there is enough to do that the thread
 * must not wait for this one. Fewer are better kept for a fuller group, which costs one wait for the disk.
 */
const MIN_SECOND_GROUP_WRITES = 16;
const MAX_GROUPS_SENT = 2;
/**
 * About what the writers of a group take to be told and to come again. A disk that takes longer gets everything in
 * one group: two halves in turn would wait for it twice. A faster one gets two, so that it need not wait for them.
 */
const COMING_AGAIN_MS = 2;
/** How much the newest commit says about the next one. */
const NEWEST_WEIGHT = 0.1;

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
 * Starts the thread that writes to `file`. While it commits one group, the next one collects. When many write to a
 * fast disk, there are two groups in turn: one is committed while the writers of the other are told and come again.
 *
 * @throws Error when the thread cannot open the database.
 */
export async function startGroupWriter(deps: { file: string; log: Logger }): Promise<GroupWriter> {
  const worker = new Worker(new URL(`./commit-worker${extname(import.meta.url)}`, import.meta.url), {
    workerData: { file: deps.file },
  });
  const aborts = createAbortWatch();
  const collecting = new Set<Waiting>();
  /** Oldest first: the first one is running. */
  let sent: (readonly Waiting[])[] = [];
  let scheduled = false;
  let commitMs = 0;
  let onIdle: (() => void) | null = null;
  let stopped: Promise<void> | undefined;
  const state = { alive: false };

  const tell = (message: ToWorker): void => worker.postMessage(message);
  const groupsInTurn = (): number => (commitMs > COMING_AGAIN_MS ? 1 : MAX_GROUPS_SENT);

  function schedule(send: () => void): void {
    if (scheduled) return;
    scheduled = true;
    setImmediate(send);
  }

  function takeGroup(maxWrites: number): readonly Waiting[] {
    const group: Waiting[] = [];
    let rows = 0;
    for (const waiting of collecting) {
      rows += waiting.write.rows.length;
      if (group.length > 0 && (group.length >= maxWrites || rows > MAX_GROUP_ROWS)) break;
      group.push(waiting);
      collecting.delete(waiting);
    }
    return group;
  }

  function sendGroups(): void {
    scheduled = false;
    while (state.alive && sent.length < groupsInTurn()) {
      const fewest = sent.length === 0 ? 1 : MIN_SECOND_GROUP_WRITES;
      if (collecting.size < fewest) break;
      const share = collecting.size / (groupsInTurn() - sent.length);
      const group = takeGroup(Math.max(MIN_SECOND_GROUP_WRITES, Math.ceil(share)));
      sent.push(group);
      tell({ kind: 'group', writes: group.map((waiting) => waiting.write) });
    }
    if (sent.length === 0) onIdle?.();
  }

  function finishGroup(outcome: GroupOutcome): void {
    const group = sent.shift() ?? [];
    if (outcome.kind === 'committed') commitMs += (outcome.commitMs - commitMs) * NEWEST_WEIGHT;
    // Who is told now and comes again goes along; or else the next group goes out before, so that the thread never idles.
    if (groupsInTurn() === 1) schedule(() => setImmediate(sendGroups));
    else sendGroups();
    if (outcome.kind === 'failed') {
      deps.log.error({ writes: group.length, reason: outcome.reason }, 'a transaction failed');
      for (const waiting of group) waiting.fail(unavailable(new Error(outcome.reason)));
      return;
    }
    for (const [index, waiting] of group.entries()) {
      waiting.settle(outcome.writes[index] ?? { failed: 'the thread that writes gave no answer' });
    }
  }

  function giveUp(reason: Error): void {
    state.alive = false;
    for (const waiting of [...sent.flat(), ...collecting]) waiting.fail(unavailable(reason));
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
      if (sent.length < groupsInTurn()) schedule(sendGroups);
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
