import type { Chance } from '../../../src/lib/ids.js';
import type { Logger } from '../../../src/lib/logger.js';
import { encodeCursor } from '../../../src/log/cursor.js';
import { createLog } from '../../../src/log/create-log.js';
import { LOG_LIMITS, type LogLimits } from '../../../src/log/log-limits.js';
import type { LogMetrics } from '../../../src/log/log-metrics.js';
import { tagOf, type LogRecord, type LogStore } from '../../../src/log/log-store.js';
import type { LogBus } from '../../../src/log/log-bus.js';
import type { Log } from '../../../src/log/log.js';
import { createFakeClock, type FakeClock } from './fake-clock.js';
import { createMemoryLogBus } from './memory-log-bus.js';
import { createMemoryLogStore } from './memory-log-store.js';

/** What the tests of logs append. */
export interface Note extends LogRecord {
  readonly text: string;
}

export const LOG_ID = '01890000-0000-7000-8000-000000000001';
export const OTHER_LOG_ID = '01890000-0000-7000-8000-000000000002';
export const NOTE_BYTES = 100;

/** A generator with a seed: the same numbers in [0, 1) for the same seed, on every machine (mulberry32). */
export function seededChance(seed: number): Chance {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

let calls = 0;

/** An entry with a call of its own; `over` says what is particular about it. */
export function note(text: string, over: Partial<Omit<Note, 'number'>> = {}): Omit<Note, 'number'> {
  calls += 1;
  const call = (BigInt(calls) * 0x9e3779b97f4a7c15n).toString(16).slice(-16).padStart(16, '0');
  return { logId: LOG_ID, authorId: 'author', key: `s:${call}`, call, text, ...over };
}

/** Counts what was measured, by name and label. */
export function createCounts(): { readonly counts: Map<string, number>; readonly metrics: LogMetrics } {
  const counts = new Map<string, number>();
  const add = (name: string): void => void counts.set(name, (counts.get(name) ?? 0) + 1);
  const set = (name: string, value: number): void => void counts.set(name, value);
  return {
    counts,
    metrics: {
      writerBatch: (records) => add(`batch ${records}`),
      writerConflict: () => add('conflict'),
      writerUnknownOutcome: () => add('unknown'),
      writerQueue: (waiting) => set('queue', waiting),
      feedActive: (feeds) => set('feeds', feeds),
      feedGap: (cause) => add(`gap ${cause}`),
      feedRepair: (result) => add(`repair ${result}`),
      tailCheckFound: () => add('tail found'),
      resumed: (result, missed) => {
        add(`resumed ${result}`);
        set('missed', missed);
      },
      resumeRefused: (result) => add(`resume ${result}`),
    },
  };
}

export interface LogInstance {
  readonly log: Log<Note>;
  readonly counts: ReadonlyMap<string, number>;
  readonly released: readonly Note[];
  /** Those of them that a writer of this instance acknowledged. */
  readonly own: readonly Note[];
  readonly errors: readonly string[];
}

/** One instance on a store and a bus that others may share. */
export function createInstance({
  store,
  bus,
  clock,
  limits = {},
  chance = seededChance(1),
}: {
  readonly store: LogStore<Note>;
  readonly bus: LogBus<Note>;
  readonly clock: FakeClock;
  readonly limits?: Partial<LogLimits>;
  readonly chance?: Chance;
}): LogInstance {
  const { counts, metrics } = createCounts();
  const released: Note[] = [];
  const ownRecords: Note[] = [];
  const errors: string[] = [];
  const nothing = (): void => undefined;
  const logger: Logger = {
    trace: nothing,
    debug: nothing,
    info: nothing,
    warn: nothing,
    error: (_, message) => void errors.push(message),
  };
  const log = createLog<Note>({
    store,
    bus,
    clock,
    chance,
    defer: (callback) => void clock.after(0, callback),
    log: logger,
    limits: { ...LOG_LIMITS, maxReplayed: 1000, ...limits },
    metrics,
    numbered: (entry, number) => ({ ...entry, number }),
    sameInput: (stored, entry) => stored.text === entry.text,
    sizeOf: () => NOTE_BYTES,
    onReleased: (record, own) => {
      released.push(record);
      if (own) ownRecords.push(record);
    },
  });
  return { log, counts, released, own: ownRecords, errors };
}

/** A world of one instance with everything sound; others that are made of it have the same limits. */
export function createLogWorld(limits: Partial<LogLimits> = {}) {
  const clock = createFakeClock();
  const store = createMemoryLogStore<Note>();
  const bus = createMemoryLogBus<Note>();
  return { clock, store, bus, limits, ...createInstance({ store, bus, clock, limits }) };
}

export type LogWorld = ReturnType<typeof createLogWorld>;

/** One more instance, with a store that does some things otherwise. */
export const withStore = (world: LogWorld, change: Partial<LogStore<Note>>): LogInstance =>
  createInstance({ ...world, store: { ...world.store, ...change } });

/** The cursor of a record, or of a place that holds none. */
export function cursorAt(world: LogWorld, number: number): string {
  const record = world.store.all(LOG_ID).find((one) => one.number === number);
  return encodeCursor(LOG_ID, { number, tag: record === undefined ? 0 : tagOf(record) });
}

/** A signal that never aborts. */
export const patient = (): AbortSignal => new AbortController().signal;
