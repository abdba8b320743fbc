import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/lib/logger.js';
import { createOutbox } from '../../../src/lib/outbox.js';
import { createManualClock } from '../../testkit/manual-clock.js';

const DELAY_MS = 10;
const RETRY_MS = 100;

/** An outbox of numbers that keeps the highest, and a receiver that can be away or slow. */
function createWorld({ maxWaiting }: { maxWaiting?: number } = {}) {
  const clock = createManualClock();
  const sent: string[][] = [];
  const state = {
    away: false,
    answer: Promise.resolve(),
    again: (batch: readonly string[]): readonly string[] => batch.slice(batch.length),
  };
  const outbox = createOutbox<{ key: string; value: number }>({
    name: 'test',
    clock,
    log: silentLogger,
    delayMs: DELAY_MS,
    retryMs: RETRY_MS,
    maxBatch: 3,
    merge: (a, b) => ({ key: a.key, value: Math.max(a.value, b.value) }),
    ...(maxWaiting === undefined
      ? {}
      : { limit: { maxWaiting, mayDrop: () => true, onDropped: () => undefined } }),
    async send(items) {
      const batch = items.map(({ key, value }) => `${key}${value}`);
      sent.push(batch);
      await state.answer;
      if (state.away) throw new Error('away');
      const again = state.again(batch);
      return items.filter(({ key, value }) => again.includes(`${key}${value}`));
    },
  });
  return { clock, outbox, sent, state, put: (key: string, value: number) => outbox.put(key, { key, value }) };
}

describe('an outbox', () => {
  it('collects for a moment, merges what is under one key, and sends in batches', async () => {
    const { clock, put, sent } = createWorld();
    for (const [key, value] of Object.entries({ a: 1, b: 1, c: 1, d: 1 })) put(key, value);
    put('a', 3);
    put('a', 2);
    expect(sent).toEqual([]);
    await clock.advance(DELAY_MS);
    expect(sent).toEqual([['a3', 'b1', 'c1'], ['d1']]);
    await clock.advance(1000);
    expect(sent).toHaveLength(2);
  });

  it('keeps what was not acknowledged, merged with what came meanwhile, and sends it again', async () => {
    const { clock, put, sent, state } = createWorld();
    state.away = true;
    put('a', 5);
    await clock.advance(DELAY_MS);
    put('a', 3);
    put('b', 1);
    await clock.advance(RETRY_MS);
    state.away = false;
    await clock.advance(RETRY_MS);
    expect(sent).toEqual([['a5'], ['a5', 'b1'], ['a5', 'b1']]);
    await clock.advance(1000);
    expect(sent).toHaveLength(3);
  });

  it('sends what was put during a send in a turn of its own', async () => {
    const { clock, put, sent, state } = createWorld();
    let answer = (): void => undefined;
    state.answer = new Promise((resolve) => (answer = resolve));
    put('a', 1);
    await clock.advance(DELAY_MS);
    put('a', 2);
    answer();
    await clock.advance(0);
    expect(sent).toEqual([['a1']]);
    await clock.advance(DELAY_MS);
    expect(sent).toEqual([['a1'], ['a2']]);
  });

  it('sends again what the receiver asks for', async () => {
    const { clock, put, sent, state } = createWorld();
    state.again = (batch) => (sent.length === 1 ? batch.slice(0, 1) : []);
    put('a', 1);
    put('b', 1);
    await clock.advance(DELAY_MS * 3);
    expect(sent).toEqual([['a1', 'b1'], ['a1']]);
  });

  it('says when something is settled: acknowledged, or known to come later', async () => {
    const { clock, outbox, put, state } = createWorld();
    const settled: string[] = [];
    const watch = (name: string) => void outbox.settled('a').then(() => settled.push(name));
    watch('nothing waits');
    put('a', 1);
    watch('acknowledged');
    await clock.advance(DELAY_MS - 1);
    expect(settled).toEqual(['nothing waits']);
    await clock.advance(1);
    expect(settled).toEqual(['nothing waits', 'acknowledged']);

    state.away = true;
    put('a', 2);
    watch('failed');
    await clock.advance(DELAY_MS);
    expect(settled).toContain('failed');
    watch('away');
    await clock.advance(0);
    expect(settled).toContain('away');

    state.away = false;
    await clock.advance(RETRY_MS);
    state.answer = new Promise(() => undefined);
    put('a', 3);
    watch('no answer');
    await clock.advance(499);
    expect(settled).not.toContain('no answer');
    await clock.advance(1);
    expect(settled).toContain('no answer');
  });

  it('says that something is settled though more was put under its key meanwhile', async () => {
    const { clock, outbox, put, state } = createWorld();
    const settled: string[] = [];
    const watch = (name: string) => void outbox.settled('a').then(() => settled.push(name));
    const answers: (() => void)[] = [];
    const slow = () => {
      state.answer = new Promise((resolve) => answers.push(resolve));
    };
    slow();
    put('a', 1);
    watch('first');
    await clock.advance(DELAY_MS);
    watch('first, under way');
    put('a', 2);
    watch('second');
    slow();
    answers[0]?.();
    await clock.advance(0);
    expect(settled).toEqual(['first', 'first, under way']);
    await clock.advance(DELAY_MS);
    expect(settled).not.toContain('second');
    answers[1]?.();
    await clock.advance(0);
    expect(settled).toContain('second');
  });

  it('drains all that waits, and gives up at a failure', async () => {
    const { outbox, put, sent, state } = createWorld();
    for (const key of 'abcdefg') put(key, 1);
    await outbox.drain();
    expect(sent.flat()).toHaveLength(7);
    state.away = true;
    put('a', 2);
    await outbox.drain();
    expect(sent.at(-1)).toEqual(['a2']);
  });

  it('sends no empty batch when what waited was dropped while a batch was under way', async () => {
    const { clock, put, sent, state } = createWorld({ maxWaiting: 4 });
    for (let key = 0; key < 20; key += 1) put(`k${key}.`, 1);
    state.away = true;
    await clock.advance(DELAY_MS);
    let answer = (): void => undefined;
    state.answer = new Promise((resolve) => (answer = resolve));
    state.away = false;
    await clock.advance(RETRY_MS);
    put('more.', 1);
    answer();
    await clock.advance(1000);
    expect(sent.every((batch) => batch.length > 0)).toBe(true);
    // The attempt that failed is repeated; two of those that waited are gone.
    expect(sent.flat()).toHaveLength(3 + 20 + 1 - 2);
  });

  it('ends a drain with the batch that is under way when it is stopped', async () => {
    const { clock, outbox, put, sent, state } = createWorld();
    let answer = (): void => undefined;
    state.answer = new Promise((resolve) => (answer = resolve));
    for (const key of 'abcdefg') put(key, 1);
    const drained = outbox.drain();
    await clock.advance(0);
    outbox.stop();
    answer();
    await drained;
    expect(sent).toHaveLength(1);
  });

  it('sends nothing by itself once it was stopped', async () => {
    const { clock, outbox, put, sent } = createWorld();
    put('a', 1);
    outbox.stop();
    put('b', 1);
    await clock.advance(1000);
    expect(sent).toEqual([]);
  });
});
