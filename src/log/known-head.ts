import type { Clock } from '../lib/clock.js';
import { tagOf, type LogRecord, type Tag } from './log-store.js';

/** The end of a log: its highest number, that record and its tag. Number 0 is an empty log. */
export interface Head<Record extends LogRecord> {
  readonly number: number;
  readonly tag: Tag;
  readonly record: Record | null;
}

export const headOf = <Record extends LogRecord>(record: Record | null): Head<Record> =>
  record === null
    ? { number: 0, tag: 0, record: null }
    : { number: record.number, tag: tagOf(record), record };

/** A moment on both clocks: the monotonic one stands still while a machine sleeps, the other one may jump. */
export interface Moment {
  readonly now: number;
  readonly monotonic: number;
}

export const momentOf = (clock: Clock): Moment => ({ now: clock.now(), monotonic: clock.monotonic() });

/**
 * The head that this instance may number from: known to be durable with nothing missing below it. It only
 * rises, or becomes unknown: at once when an outcome is not known, and when nothing has confirmed it for its
 * lifetime (retention may since have removed what stood above it).
 */
export interface KnownHead<Record extends LogRecord> {
  get(): Head<Record> | null;
  /** The highest that was ever known here, though it may not be numbered from any more; null: none was. */
  highest(): Head<Record> | null;
  /** From an own insert that landed, or a majority read, either begun at `at`. */
  proven(head: Head<Record>, at: Moment): void;
  /** Released by the feed from an event: raises a head that is known, and never revives one that is not. */
  extend(head: Head<Record>): void;
  forget(): void;
}

export function createKnownHead<Record extends LogRecord>(
  clock: Clock,
  lifetimeMs: number,
): KnownHead<Record> {
  let head: Head<Record> | null = null;
  let highest: Head<Record> | null = null;
  let confirmed: Moment = { now: 0, monotonic: 0 };

  function get(): Head<Record> | null {
    const present = momentOf(clock);
    const age = Math.max(present.now - confirmed.now, present.monotonic - confirmed.monotonic);
    if (age > lifetimeMs) head = null;
    return head;
  }

  function proven(candidate: Head<Record>, at: Moment): void {
    const known = get();
    // A lower one says nothing about what stands above the head that is known.
    if (known !== null && candidate.number < known.number) return;
    if (known === null || candidate.number > known.number) head = candidate;
    if (known === null || at.monotonic > confirmed.monotonic) confirmed = at;
    if (highest === null || candidate.number > highest.number) highest = candidate;
  }

  return {
    get,
    highest: () => highest,
    proven,
    extend(candidate) {
      const known = get();
      if (known !== null && candidate.number > known.number) proven(candidate, momentOf(clock));
    },
    forget() {
      head = null;
    },
  };
}
