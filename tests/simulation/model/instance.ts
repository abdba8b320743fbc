import type { LogBus } from '../../../src/log/log-bus.js';
import type { LogOptions } from '../../../src/log/create-log.js';
import type { LogStore } from '../../../src/log/log-store.js';
import type { Log } from '../../../src/log/log.js';
import type { Clock } from '../../../src/lib/clock.js';
import { silentLogger, type Logger } from '../../../src/lib/logger.js';
import type { LogLimits } from '../../../src/log/log-limits.js';
import { createCounts, NOTE_BYTES, type Note } from '../../testkit/log/log-world.js';
import type { Dice } from './dice.js';
import type { Scheduler } from './scheduler.js';

export type CreateLog = (options: LogOptions<Note>) => Log<Note>;

/** One process: it may be frozen, and it dies without a word. */
export interface Instance {
  readonly name: string;
  readonly log: Log<Note>;
  readonly clock: Clock;
  alive(): boolean;
  /** It takes new clients. */
  open(): boolean;
  freeze(ms: number): void;
  /** The whole machine sleeps: its monotonic clock, and with it every timer, stands still. */
  sleep(ms: number): void;
  /** Somebody sets its wall clock. */
  setClock(byMs: number): void;
  crash(): void;
  /** Drains as on SIGTERM. */
  stop(): Promise<void>;
  /** Runs a callback in this process: now, when it thaws, or never. */
  enter(callback: () => void): void;
  /** Calls what dies with the process. */
  onEnd(listener: () => void): void;
}

interface InstanceOptions {
  readonly name: string;
  readonly scheduler: Scheduler;
  readonly dice: Dice;
  readonly store: LogStore<Note>;
  readonly joinBus: (enter: (callback: () => void) => void) => LogBus<Note>;
  readonly limits: LogLimits;
  readonly createLog: CreateLog;
  readonly onReleased: (record: Note) => void;
  readonly onError: (message: string) => void;
}

/** Wall clocks start here; each instance is off by up to ten minutes. */
const EPOCH_MS = 1_800_000_000_000;
const SKEW_MS = 600_000;
const DRAIN_MS = 500;
/** Of a timer: what a sum of times is rounded by would be waited for without end. */
const SHORTEST_MS = 0.001;

export function createInstance(options: InstanceOptions): Instance {
  const { name, scheduler, dice, store } = options;
  const endListeners: (() => void)[] = [];
  let alive = true;
  let open = true;
  let frozenUntil = 0;
  let parked: (() => void)[] = [];
  let skewMs = dice.between(-SKEW_MS, SKEW_MS);
  /** How long its machine has slept. */
  let sleptMs = 0;
  /** When its sleep ends. */
  let sleepsUntil = 0;

  function enter(callback: () => void): void {
    if (!alive) return;
    if (frozenUntil > scheduler.now()) parked.push(callback);
    else callback();
  }

  function thaw(): void {
    if (frozenUntil > scheduler.now()) return;
    const callbacks = parked;
    parked = [];
    for (const callback of callbacks) enter(callback);
  }

  /** An answer reaches this process if it still runs, when it runs. */
  function arriving<Value>(answer: Promise<Value>): Promise<Value> {
    return new Promise((resolve, reject) => {
      answer.then(
        (value) => enter(() => resolve(value)),
        (error: Error) => enter(() => reject(error)),
      );
    });
  }

  const after = (ms: number, callback: () => void): (() => void) => {
    let cancelled = false;
    const sleptBefore = sleptMs;
    const cancel = scheduler.after(ms > 0 ? Math.max(ms, SHORTEST_MS) : 0, () =>
      enter(() => {
        if (cancelled) return;
        if (sleptMs === sleptBefore) callback();
        else cancelLate = after(sleptMs - sleptBefore, callback);
      }),
    );
    let cancelLate = (): void => undefined;
    return () => {
      cancelled = true;
      cancel();
      cancelLate();
    };
  };

  const seen: LogStore<Note> = {
    session: () => store.session(),
    append: (...args) => arriving(store.append(...args)),
    get: (...args) => arriving(store.get(...args)),
    range: (...args) => arriving(store.range(...args)),
    byKey: (...args) => arriving(store.byKey(...args)),
    newest: (...args) => arriving(store.newest(...args)),
    firsts: (...args) => arriving(store.firsts(...args)),
  };
  const logger: Logger = { ...silentLogger, error: (_, message) => options.onError(`${name}: ${message}`) };

  const clock: Clock = {
    now: () => EPOCH_MS + skewMs + scheduler.now(),
    monotonic: () => scheduler.now() - sleptMs,
    after,
    deadline(ms) {
      const controller = new AbortController();
      after(ms, () => controller.abort());
      return controller.signal;
    },
  };
  const log = options.createLog({
    store: seen,
    bus: options.joinBus(enter),
    clock,
    chance: () => dice.roll(),
    defer: (callback) => void after(0, callback),
    log: logger,
    limits: options.limits,
    metrics: createCounts().metrics,
    numbered: (entry, number) => ({ ...entry, number }),
    sameInput: (stored, entry) => stored.text === entry.text,
    sizeOf: () => NOTE_BYTES,
    onReleased: options.onReleased,
  });

  function end(): void {
    alive = false;
    open = false;
    parked = [];
    for (const listener of endListeners.splice(0)) listener();
  }

  return {
    name,
    log,
    clock,
    alive: () => alive,
    open: () => open,
    enter,
    freeze(ms) {
      sleptMs -= Math.max(0, sleepsUntil - scheduler.now());
      sleepsUntil = 0;
      frozenUntil = scheduler.now() + ms;
      scheduler.after(ms, thaw);
    },
    sleep(ms) {
      if (frozenUntil > scheduler.now()) return;
      sleptMs += ms;
      sleepsUntil = scheduler.now() + ms;
      frozenUntil = sleepsUntil;
      scheduler.after(ms, thaw);
    },
    setClock: (byMs) => void (skewMs += byMs),
    crash: end,
    async stop() {
      open = false;
      await log.stop(DRAIN_MS);
      end();
    },
    onEnd: (listener) => void endListeners.push(listener),
  };
}
