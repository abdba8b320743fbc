import type { Clock } from './clock.js';
import type { Logger } from './logger.js';

/**
 * What is to be told to a store that may be away: kept until it was acknowledged, told in batches, one batch at
 * a time. Things under one key are merged while they wait.
 */
export interface Outbox<Item> {
  /** Adds, or merges with what waits under this key. */
  put(key: string, item: Item): void;
  /** Sends what waits now rather than when its turn comes. */
  hurry(): void;
  /**
   * Resolves when what was put under `key` is acknowledged, or as soon as it is clear that it will be so only
   * later: it must be told again, an attempt failed, the store is away, or `PATIENCE_MS` are over. Never rejects.
   */
  settled(key: string): Promise<void>;
  /** Sends all that waits; resolves when that is done, an attempt failed, or it was stopped. */
  drain(): Promise<void>;
  /** Ends the timers; what waits is dropped. */
  stop(): void;
}

/** Keeps an outbox from growing without bound while its store is away. */
export interface Limit<Item> {
  /** So many things wait at most, besides those that may not be dropped. */
  readonly maxWaiting: number;
  readonly mayDrop: (item: Item) => boolean;
  readonly onDropped: (item: Item) => void;
}

/** How long a caller waits for an acknowledgement at most, in milliseconds. */
const PATIENCE_MS = 500;

export function createOutbox<Item>({
  name,
  clock,
  log,
  delayMs,
  retryMs,
  maxBatch,
  merge,
  send,
  eager = false,
  limit,
}: {
  /** Names it in the log. */
  readonly name: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** How long things are collected before they are sent, in milliseconds. */
  readonly delayMs: number;
  /** How long to wait after a failed attempt, in milliseconds. */
  readonly retryMs: number;
  readonly maxBatch: number;
  readonly merge: (waiting: Item, added: Item) => Item;
  /** Tells a batch, and answers which of its items must be told again. Rejects when the store is away. */
  readonly send: (items: readonly Item[]) => Promise<readonly Item[]>;
  /** Whether the first thing after `delayMs` of quiet is sent at once: only what follows it is collected. */
  readonly eager?: boolean;
  /** None: nothing is ever dropped. */
  readonly limit?: Limit<Item>;
}): Outbox<Item> {
  const waiting = new Map<string, Item>();
  const inFlight = new Map<string, Item>();
  /** Who waits for what waits, by key. */
  const waiters = new Map<string, Set<() => void>>();
  /** Who waits for what is in flight. */
  const inFlightWaiters = new Set<() => void>();
  let running: Promise<void> | undefined;
  let cancelTimer: (() => void) | undefined;
  let away = false;
  let stopped = false;
  let lastRunAt = Number.NEGATIVE_INFINITY;
  let dropAbove = limit?.maxWaiting ?? Number.POSITIVE_INFINITY;

  function put(key: string, item: Item): void {
    const before = waiting.get(key);
    waiting.set(key, before === undefined ? item : merge(before, item));
    if (away && waiting.size > dropAbove) dropSome();
    schedule();
  }

  /** Half of what may wait goes at once, so that this is seldom. */
  function dropSome(): void {
    if (limit === undefined) return;
    const before = waiting.size;
    for (const [key, item] of waiting) {
      if (before - waiting.size >= limit.maxWaiting / 2) break;
      if (!limit.mayDrop(item)) continue;
      waiting.delete(key);
      limit.onDropped(item);
    }
    dropAbove = Math.max(limit.maxWaiting, waiting.size + limit.maxWaiting / 2);
    log.warn({ outbox: name, dropped: before - waiting.size }, 'too much waits for a store that is away');
  }

  function schedule(): void {
    if (stopped || running !== undefined || cancelTimer !== undefined || waiting.size === 0) return;
    const quietMs = eager ? clock.monotonic() - lastRunAt : 0;
    cancelTimer = clock.after(away ? retryMs : Math.max(delayMs - quietMs, 0), () => void run());
  }

  function releaseAll(): void {
    for (const settle of inFlightWaiters) settle();
    for (const those of waiters.values()) for (const settle of those) settle();
    waiters.clear();
  }

  function takeBatch(limit: number): void {
    for (const [key, item] of waiting) {
      if (inFlight.size >= limit) return;
      waiting.delete(key);
      inFlight.set(key, item);
      for (const settle of waiters.get(key) ?? []) inFlightWaiters.add(settle);
      waiters.delete(key);
    }
  }

  function takeBack(again: ReadonlySet<Item>): void {
    for (const [key, item] of inFlight) {
      if (!again.has(item)) continue;
      const added = waiting.get(key);
      waiting.set(key, added === undefined ? item : merge(item, added));
    }
    inFlight.clear();
  }

  async function sendAll(): Promise<void> {
    // What is put meanwhile waits for its own turn: a busy key is told once per turn.
    for (let rest = waiting.size; rest > 0;) {
      takeBatch(Math.min(rest, maxBatch));
      // What waited was dropped meanwhile.
      if (inFlight.size === 0) return;
      rest -= inFlight.size;
      try {
        const again = new Set(await send([...inFlight.values()]));
        takeBack(again);
        if (away) log.info({ outbox: name, waiting: waiting.size }, 'the store answers again');
        away = false;
        dropAbove = limit?.maxWaiting ?? dropAbove;
        for (const settle of inFlightWaiters) settle();
      } catch (error) {
        takeBack(new Set(inFlight.values()));
        if (!away) log.warn({ outbox: name, waiting: waiting.size, err: error }, 'the store is away');
        away = true;
        releaseAll();
        return;
      }
      if (stopped) return;
    }
  }

  function run(): Promise<void> {
    cancelTimer?.();
    cancelTimer = undefined;
    lastRunAt = clock.monotonic();
    running ??= sendAll().finally(() => {
      running = undefined;
      schedule();
    });
    return running;
  }

  return {
    put,
    hurry() {
      if (!away && running === undefined) void run();
    },
    settled(key) {
      if (away || stopped || (!waiting.has(key) && !inFlight.has(key))) return Promise.resolve();
      return new Promise((resolve) => {
        const settle = (): void => {
          cancel();
          waiters.get(key)?.delete(settle);
          inFlightWaiters.delete(settle);
          resolve();
        };
        const cancel = clock.after(PATIENCE_MS, settle);
        if (waiting.has(key)) waiters.set(key, (waiters.get(key) ?? new Set()).add(settle));
        else inFlightWaiters.add(settle);
      });
    },
    async drain() {
      await running;
      while (waiting.size > 0) {
        await run();
        if (away || stopped) return;
      }
    },
    stop() {
      stopped = true;
      cancelTimer?.();
      cancelTimer = undefined;
      releaseAll();
    },
  };
}
