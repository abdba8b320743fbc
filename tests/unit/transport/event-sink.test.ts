import { GraphQLError, type ExecutionResult } from 'graphql';
import { describe, expect, it, vi } from 'vitest';
import type { Payload } from '../../../src/graphql/shared/sink.ts';
import { createEventSink } from '../../../src/transport/event-sink.ts';

const payload = (text: string): Payload => ({
  event: null,
  text,
  bytes: text.length,
  latin1: null,
  sent: false,
});
const textOf = (result: IteratorResult<ExecutionResult, undefined>): unknown =>
  result.done === true
    ? 'done'
    : 'stringify' in result.value
      ? (result.value as { stringify: () => string }).stringify()
      : result.value.errors?.[0]?.message;

function open() {
  const sink = createEventSink();
  const { outlet, results } = sink;
  return {
    ...sink,
    next: async () => textOf(await results.next()),
    deliver: (...texts: string[]) => outlet.deliver(sink, texts.map(payload)),
    writable: () => outlet.writable(sink),
    onceWritable: (listener: () => void) => outlet.onceWritable(sink, listener),
    fail: (message: string) => outlet.fail(sink, new GraphQLError(message)),
  };
}

describe('a sink whose results are pulled', () => {
  it('gives what one write holds in order, and is writable again once all of it was read, not before', async () => {
    const { next, deliver, writable, onceWritable } = open();
    const woken = vi.fn();
    for (const first of ['asked before', 'asked after']) {
      woken.mockClear();
      const early = first === 'asked before' ? next() : null;
      expect(writable()).toBe(true);
      deliver('1', '2', '3');
      onceWritable(woken);
      expect(await (early ?? next())).toBe('1');
      expect([writable(), await next(), writable(), woken.mock.calls.length]).toEqual([false, '2', false, 0]);
      expect(await next()).toBe('3');
      await Promise.resolve();
      expect([writable(), woken.mock.calls.length]).toEqual([true, 1]);
    }
  });

  it('has no character in a line that others take for its end', async () => {
    const { next, deliver } = open();
    const text = JSON.stringify({ text: 'a\u2028b\u2029c' });
    deliver(text);
    const told = String(await next());
    expect([/[\u2028\u2029]/.test(told), JSON.parse(told)]).toEqual([false, JSON.parse(text)]);
  });

  it('tells its failure behind what it holds, and ends then', async () => {
    const { next, deliver, fail, writable, onEnd } = open();
    const ended = vi.fn();
    onEnd(ended);
    deliver('1', '2');
    fail('Gone.');
    expect([writable(), await next(), await next(), await next()]).toEqual([false, '1', '2', 'Gone.']);
    expect([writable(), ended.mock.calls.length]).toEqual([false, 0]);
    expect([await next(), await next(), ended.mock.calls.length]).toEqual(['done', 'done', 1]);
  });

  it('tells its failure to who waits for a result', async () => {
    const { next, fail } = open();
    const waiting = next();
    fail('Gone.');
    expect([await waiting, await next()]).toEqual(['Gone.', 'done']);
  });

  it.each(['end', 'return', 'throw'] as const)(
    '%s ends it once: who waits is let go, and nothing is given any more',
    async (how) => {
      const sink = open();
      const ended = vi.fn();
      sink.onEnd(ended);
      const end = () => (how === 'end' ? sink.end() : sink.results[how]?.());
      const waiting = sink.next();
      await end();
      await end();
      expect([await waiting, await sink.next(), sink.writable(), ended.mock.calls.length]).toEqual([
        'done',
        'done',
        false,
        1,
      ]);
      sink.onEnd(ended);
      expect(ended).toHaveBeenCalledTimes(2);
      const full = open();
      full.deliver('1', '2');
      full.end();
      expect(await full.next()).toBe('done');
    },
  );
});
