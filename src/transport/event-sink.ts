import type { ExecutionResult } from 'graphql';
import type { Outlet, Sink } from '../graphql/shared/sink.js';

/** A result that is already text, in the form that Yoga writes without serialising it again. */
interface ReadyResult extends ExecutionResult {
  readonly stringify: () => string;
}

/** What some clients take for the end of a line, as Python's `splitlines` does: neither must end `data`. */
const LINE_ENDS = /[\u2028\u2029]/g;
const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16)}`;

/** `event: next`, `data: ` and the line ends of one server-sent event, in bytes. */
const EVENT_OVERHEAD = 22;

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

/**
 * A sink whose results are pulled one by one. It holds what one write gave and takes no more before that was
 * read. The iterator is written by hand: a native generator parked on a pending promise never settles
 * `return()`.
 */
export function createEventSink() {
  let results: ExecutionResult[] = [];
  let read = 0;
  let ended = false;
  let closing = false;
  let pull: ((result: IteratorResult<ExecutionResult, undefined>) => void) | null = null;
  let writable: (() => void)[] = [];
  let onEnd: (() => void)[] = [];

  function end(): void {
    if (ended) return;
    ended = true;
    results = [];
    pull?.(DONE);
    pull = null;
    for (const listener of onEnd) listener();
    onEnd = [];
  }

  function take(): ExecutionResult | undefined {
    const result = results[read];
    read += 1;
    if (read < results.length) return result;
    results = [];
    read = 0;
    const waiting = writable;
    writable = [];
    queueMicrotask(() => {
      for (const listener of waiting) listener();
    });
    return result;
  }

  function give(): void {
    if (pull === null || results.length === 0) return;
    const resolve = pull;
    pull = null;
    const value = take();
    resolve(value === undefined ? DONE : { done: false, value });
  }

  function endEarly(): Promise<IteratorResult<ExecutionResult, undefined>> {
    end();
    return Promise.resolve(DONE);
  }

  const iterator: AsyncIterableIterator<ExecutionResult, undefined> = {
    [Symbol.asyncIterator]: () => iterator,
    next() {
      if (results.length > 0) {
        const value = take();
        if (value !== undefined) return Promise.resolve({ done: false, value });
      }
      if (closing) end();
      if (ended) return Promise.resolve(DONE);
      return new Promise((resolve) => {
        pull = resolve;
      });
    },
    return: endEarly,
    throw: endEarly,
  };

  const outlet: Outlet<Sink> = {
    writable: () => !ended && !closing && results.length === 0,
    deliver(_sink, payloads) {
      results = payloads.map(({ text }): ReadyResult => ({
        stringify: () => text.replace(LINE_ENDS, escaped),
      }));
      give();
    },
    onceWritable: (_sink, listener) => void writable.push(listener),
    fail(_sink, error) {
      results.push({ errors: [error] });
      closing = true;
      give();
    },
  };

  return {
    outlet,
    overhead: EVENT_OVERHEAD,
    /** The results in order; ends after a failure, or when `end` is called. */
    results: iterator,
    /** Ends the stream; twice does nothing. */
    end,
    /** Called once when the stream ends, whatever ended it. */
    onEnd: (listener: () => void) => void (ended ? listener() : onEnd.push(listener)),
  };
}
