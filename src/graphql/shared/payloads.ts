import { isPromise } from '../../lib/is-promise.js';
import type { ExecutionResult } from 'graphql';
import type { Clock } from '../../lib/clock.js';
import { codeOf } from '../errors.js';
import { retryPauseMs } from './retry-pause.js';
import type { Payload } from './sink.js';

/** Events of which a group remembers the results: those of a log's ring, replayed or not. */
const MAX_PAYLOADS = 1024;
/** And no more than this, in bytes. */
const MAX_PAYLOAD_BYTES = 1_048_576;

/** What the first result of a group is taken for before it is made, in bytes. */
const UNKNOWN_BYTES = 6000;

/** And for so long after the last use, in milliseconds: in a storm of reconnects the next one comes sooner. */
const REST_MS = 500;

/** The result of one event, made or in the making. */
export interface Entry {
  readonly event: unknown;
  payload: Payload | null;
  /** What the event shows changed while it was executed: the result is not used, and made anew. */
  stale: boolean;
  /** As `Payloads.generation` when `payload` was made. */
  generation: number;
  /** Called once when `payload` is there. */
  waiting: (() => void)[] | null;
}

function toPayload(event: unknown, result: ExecutionResult): Payload {
  const text = JSON.stringify(result);
  return { event, text, bytes: Buffer.byteLength(text), latin1: null, sent: false };
}

/** A result that the store was too slow for says nothing about the event: whoever got it would miss the event. */
const lacksStore = (result: ExecutionResult): boolean =>
  result.errors?.some((error) => codeOf(error) === 'UNAVAILABLE') ?? false;

/**
 * The entries that were made last, within both limits. It grows with what it holds: most groups are small and
 * quiet, and a store made for the largest would be most of what they cost.
 */
function createRecent() {
  const entries = new Map<string, Entry>();
  let bytes = 0;

  function remove(identity: string, entry: Entry): void {
    entries.delete(identity);
    bytes -= entry.payload?.bytes ?? 0;
  }

  return {
    get: (identity: string): Entry | undefined => entries.get(identity),
    entries: () => entries.entries(),
    delete(identity: string): void {
      const entry = entries.get(identity);
      if (entry !== undefined) remove(identity, entry);
    },
    /** Keeps an entry whose payload is made, of which there is none yet; one above the whole limit is not kept at all. */
    set(identity: string, entry: Entry): void {
      const size = entry.payload?.bytes ?? 0;
      if (size > MAX_PAYLOAD_BYTES) return;
      entries.set(identity, entry);
      bytes += size;
      for (const [oldest, old] of entries) {
        if (entries.size <= MAX_PAYLOADS && bytes <= MAX_PAYLOAD_BYTES) return;
        remove(oldest, old);
      }
    },
  };
}

/**
 * The results of a group's events: each event is executed once and serialised once, however many subscribers
 * receive it, and remembered for those that come a little later. While the store does not answer, an event is
 * executed again, and whoever is to receive it stays where it is.
 *
 * @param execute - gives the result of an event; never throws or rejects.
 * @param onFirstSent - hears when the result of an event was sent for the first time.
 * @param nextShare - see `GroupOptions`.
 * @param onRest - hears that all results were let go, since nobody asked for any and none is being made: they are most of
 *   what a group holds. Subscribers whose connections are full do not keep them: there may be thousands of such groups.
 */
export function createPayloads(
  execute: (event: unknown) => ExecutionResult | Promise<ExecutionResult>,
  clock: Clock,
  onFirstSent: (event: unknown) => void,
  nextShare: () => Promise<void> | null,
  onRest: () => void,
) {
  let entries = createRecent();
  /** Size of the largest result since the last rest; 0: there was none. */
  let largest = 0;
  let used = false;
  let cancelLook: (() => void) | null = null;
  /** What is being made stays reachable however small the memory is, or it would be made again and again. */
  const making = new Map<string, Entry>();
  let closed = false;
  let generation = 0;

  function make(identity: string, entry: Entry, failures: number): void {
    if (closed) return;
    const turn = nextShare();
    if (turn === null) begin(identity, entry, failures);
    else void turn.then(() => begin(identity, entry, failures));
  }

  function begin(identity: string, entry: Entry, failures: number): void {
    if (closed) return;
    // What changed before shows in it.
    entry.stale = false;
    const result = execute(entry.event);
    if (isPromise(result)) void result.then((settled) => settle(identity, entry, settled, failures));
    else settle(identity, entry, result, failures);
  }

  function settle(identity: string, entry: Entry, result: ExecutionResult, failures: number): void {
    if (entry.stale) return make(identity, entry, failures);
    if (lacksStore(result)) {
      clock.after(retryPauseMs(failures), () => make(identity, entry, failures + 1));
      return;
    }
    entry.payload = toPayload(entry.event, result);
    largest = Math.max(largest, entry.payload.bytes);
    entry.generation = generation;
    // It is about to be asked for.
    used = true;
    making.delete(identity);
    entries.set(identity, entry);
    const { waiting } = entry;
    entry.waiting = null;
    for (const wake of waiting ?? []) wake();
  }

  /** Looks again and again until the results were let go. */
  function lookLater(): void {
    used = false;
    cancelLook = clock.after(REST_MS, () => {
      cancelLook = null;
      if (used || making.size > 0) return lookLater();
      entries = createRecent();
      largest = 0;
      onRest();
    });
  }

  function get(identity: string, event: unknown): Entry {
    used = true;
    if (cancelLook === null) lookLater();
    const known = entries.get(identity) ?? making.get(identity);
    if (known !== undefined) return known;
    const entry: Entry = { event, payload: null, stale: false, generation, waiting: null };
    making.set(identity, entry);
    make(identity, entry, 0);
    return entry;
  }

  return {
    /** The entry of an event, which starts to be made if it is not there. */
    get,
    /** Size of a result in bytes; what is not made yet may be as large as the largest. */
    sizeOf: ({ payload }: Entry): number => payload?.bytes ?? (largest === 0 ? UNKNOWN_BYTES : largest),
    /** It was handed to a connection; the first time is told. */
    sent(payload: Payload): void {
      if (payload.sent) return;
      payload.sent = true;
      onFirstSent(payload.event);
    },
    /** Changes whenever results were forgotten. */
    generation: () => generation,
    /** Forgets the results of the events that `affected` picks: what they show has changed. */
    forget(affected: (event: unknown) => boolean): void {
      generation += 1;
      for (const [identity, entry] of entries.entries()) {
        if (affected(entry.event)) entries.delete(identity);
      }
      for (const entry of making.values()) if (affected(entry.event)) entry.stale = true;
    },
    /** Executes nothing any more. */
    close(): void {
      closed = true;
      cancelLook?.();
    },
  };
}

export type Payloads = ReturnType<typeof createPayloads>;
