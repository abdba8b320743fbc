import { type AbortWatch, createAbortWatch } from '../lib/abort-watch.js';
import { CodedError, unavailable } from '../lib/coded-error.js';
import type { LogLimits } from './log-limits.js';
import type { LogMetrics } from './log-metrics.js';
import type { LogRecord, Unnumbered } from './log-store.js';
import type { LogAppended } from './log.js';

/** What the queues of one instance share. */
export interface QueuesOfInstance {
  /** How many appends wait in all. */
  waiting: number;
  readonly aborts: AbortWatch;
}

export const createQueuesOfInstance = (): QueuesOfInstance => ({ waiting: 0, aborts: createAbortWatch() });

export interface Waiting<Record extends LogRecord> {
  readonly entry: Unnumbered<Record>;
  readonly bytes: number;
  /** Somebody still waits for the answer. */
  open: boolean;
  readonly signal: AbortSignal;
  readonly giveUp: () => void;
  /** Both answer once: another answer is none. */
  readonly resolve: (value: LogAppended<Record>) => void;
  readonly reject: (error: Error) => void;
}

/**
 * What waits to be appended to one log, oldest first.
 *
 * @param onGivenUp - hears that the time of one is over, after that one was told.
 */
export function createAppendQueue<Record extends LogRecord>(
  {
    instance,
    limits,
    metrics,
    sizeOf,
  }: {
    readonly instance: QueuesOfInstance;
    readonly limits: LogLimits;
    readonly metrics: LogMetrics;
    readonly sizeOf: (entry: Unnumbered<Record>) => number;
  },
  onGivenUp: () => void,
) {
  let queue: Waiting<Record>[] = [];
  let waiting = 0;

  function count(change: 1 | -1): void {
    waiting += change;
    instance.waiting += change;
    metrics.writerQueue(instance.waiting);
  }

  /** The item, to be answered: nobody counts it as waiting any more. */
  function settle(item: Waiting<Record>): Waiting<Record> {
    if (item.open) {
      item.open = false;
      instance.aborts.remove(item.signal, item.giveUp);
      count(-1);
    }
    return item;
  }

  /** All for whom somebody waits still. */
  function open(): readonly Waiting<Record>[] {
    queue = queue.filter((item) => item.open);
    return [...queue];
  }

  return {
    settle,

    /** Answers when the entry is settled; rejects with `OVERLOADED`, or `UNAVAILABLE` when its time is over. */
    add(entry: Unnumbered<Record>, signal: AbortSignal): Promise<LogAppended<Record>> {
      if (signal.aborted) return Promise.reject(unavailable(signal.reason));
      if (waiting >= limits.maxQueuedPerLog || instance.waiting >= limits.maxQueuedPerInstance) {
        const retryAfterMs = limits.overloadedRetryAfterMs;
        return Promise.reject(
          new CodedError('OVERLOADED', 'Too many sends wait. Try again.', { retryAfterMs }),
        );
      }
      return new Promise((resolve, reject) => {
        const item: Waiting<Record> = {
          entry,
          bytes: sizeOf(entry),
          open: true,
          signal,
          resolve,
          reject,
          giveUp() {
            settle(item).reject(unavailable(signal.reason));
            onGivenUp();
          },
        };
        instance.aborts.add(signal, item.giveUp);
        count(1);
        queue.push(item);
      });
    },

    open,

    /** Whether nobody waits. */
    isEmpty: (): boolean => waiting === 0,

    /** As many of the oldest as make one batch. They stay in the queue. */
    batch(): readonly Waiting<Record>[] {
      const all = open();
      let bytes = 0;
      const end = all.findIndex((item, index) => {
        bytes += item.bytes;
        return index >= limits.maxBatchRecords || (index > 0 && bytes > limits.maxBatchBytes);
      });
      return end === -1 ? all : all.slice(0, end);
    },

    /** Takes out the first of the newest `batch`, whose fate is known. */
    removeFirst(count: number): void {
      queue = queue.slice(count);
    },

    remove(item: Waiting<Record>): void {
      queue = queue.filter((other) => other !== item);
    },
  };
}
