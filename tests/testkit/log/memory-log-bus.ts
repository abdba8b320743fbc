import type { BusMode, LogBus, LogEvent } from '../../../src/log/log-bus.js';
import type { LogRecord } from '../../../src/log/log-store.js';

/** What one published event becomes: delivered so many times; `hold` keeps it for `release`. */
export type Fate = 'deliver' | 'lose' | 'hold';

/** A bus in memory that several logs may share, each as one instance; a test decides what becomes of events. */
export interface MemoryLogBus<Record extends LogRecord> extends LogBus<Record> {
  /** Decides about each event from now on. */
  setFate(fate: (event: LogEvent<Record>) => Fate): void;
  /** Delivers what was held. */
  release(): void;
  /** Hands an event to the listeners of a log as it is, sound or not. */
  inject(logId: string, event: LogEvent<Record>): void;
  setMode(mode: BusMode): void;
  /** While false, `ready` of new subscriptions stays pending and they hear nothing. */
  setAnswering(answering: boolean): void;
  /** Everything that was published. */
  readonly published: readonly LogEvent<Record>[];
  subscriptions(): number;
  /** How many want to know about the mode. */
  modeListeners(): number;
}

export function createMemoryLogBus<Record extends LogRecord>(): MemoryLogBus<Record> {
  const listeners = new Map<string, Set<(event: LogEvent<Record>) => void>>();
  const modeListeners = new Set<(mode: BusMode) => void>();
  const published: LogEvent<Record>[] = [];
  let held: LogEvent<Record>[] = [];
  let fateOf: (event: LogEvent<Record>) => Fate = () => 'deliver';
  let mode: BusMode = 'push';
  let answering = true;
  let waiting: (() => void)[] = [];

  const inject = (logId: string, event: LogEvent<Record>): void => {
    for (const listener of listeners.get(logId) ?? []) listener(event);
  };

  return {
    publish(event) {
      published.push(event);
      const fate = fateOf(event);
      if (fate === 'deliver') queueMicrotask(() => inject(event.record.logId, event));
      if (fate === 'hold') held.push(event);
    },
    subscribe(logId, listener) {
      const known = listeners.get(logId) ?? new Set();
      let closed = false;
      const join = (): void => {
        if (!closed) listeners.set(logId, known.add(listener));
      };
      const ready = new Promise<void>((resolve) => {
        const confirm = (): void => {
          join();
          resolve();
        };
        if (answering) confirm();
        else waiting.push(confirm);
      });
      return {
        ready,
        close() {
          closed = true;
          known.delete(listener);
        },
      };
    },
    mode: () => mode,
    onMode(listener) {
      modeListeners.add(listener);
      return () => void modeListeners.delete(listener);
    },
    setFate: (fate) => void (fateOf = fate),
    release() {
      const events = held;
      held = [];
      for (const event of events) inject(event.record.logId, event);
    },
    inject,
    setMode(next) {
      mode = next;
      for (const listener of modeListeners) listener(next);
    },
    setAnswering(next) {
      answering = next;
      if (!next) return;
      const confirmations = waiting;
      waiting = [];
      for (const confirm of confirmations) confirm();
    },
    published,
    modeListeners: () => modeListeners.size,
    subscriptions: () => [...listeners.values()].reduce((sum, set) => sum + set.size, 0),
  };
}
