import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  createIndexedDbOutboxStore,
  createMemoryOutboxStore,
  createOutbox,
  notYetListed,
  RequestError,
  VISITOR_CHANGED,
  type ConnectionState,
  type OutboxEntry,
} from '../../../client/kit/index.js';
import { createStore } from '../../../client/kit/store.js';
import { environmentWith } from './support/environment.js';

interface Sent {
  readonly text: string;
  readonly key: string;
  readonly room: string;
  answer(number: number): void;
  /** As if the message were neither stored nor refused. */
  answerNothing(): void;
  refuse(code: string, retryAfterMs?: number): void;
  fail(code: string, retryAfterMs?: number): void;
}

describe('outbox', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function start({ store = createMemoryOutboxStore(), prefix = 'k' } = {}) {
    const state = createStore<ConnectionState>('connected');
    const visitorId = createStore<string | null>('ana');
    const sent: Sent[] = [];
    const inFlight = new Map<string, number>();
    let most = 0;
    let made = 0;
    const outbox = createOutbox({
      connection: {
        state,
        visitorId,
        executeOnce: (_document, variables) => {
          if (state.get() !== 'connected') return Promise.reject(new RequestError('DISCONNECTED', ''));
          const { input } = variables as unknown as {
            input: { text: string; roomId: string; idempotencyKey: string };
          };
          inFlight.set(input.roomId, (inFlight.get(input.roomId) ?? 0) + 1);
          most = Math.max(most, inFlight.get(input.roomId)!);
          const over = () => inFlight.set(input.roomId, inFlight.get(input.roomId)! - 1);
          return new Promise((resolve, reject) => {
            const answer = (sendMessage: unknown) => {
              over();
              resolve({ sendMessage } as never);
            };
            sent.push({
              text: input.text,
              key: input.idempotencyKey,
              room: input.roomId,
              answer: (number) => answer({ message: { id: `m${number}`, number }, userErrors: [] }),
              answerNothing: () => answer({ message: null, userErrors: [] }),
              refuse: (code, retryAfterMs) =>
                answer({
                  message: null,
                  userErrors: [{ code, message: code, retryAfterMs: retryAfterMs ?? null }],
                }),
              fail: (code, retryAfterMs) => {
                over();
                reject(new RequestError(code, code, retryAfterMs ?? null));
              },
            });
          });
        },
      },
      store,
      makeKey: () => `${prefix}${++made}`,
      environment: environmentWith(0.5),
    });
    const settle = () => vi.advanceTimersByTimeAsync(0);
    return { outbox, state, visitorId, sent, store, settle, most: () => most };
  }

  it('sends where there is no IndexedDB', async () => {
    // As in this very process.
    const { outbox, sent } = start({ store: createIndexedDbOutboxStore('none') });
    outbox.send('r', 'one');
    await vi.advanceTimersByTimeAsync(0);
    expect(sent.map(({ text }) => text)).toEqual(['one']);
    sent[0]!.answer(1);
    await vi.advanceTimersByTimeAsync(0);
    expect(outbox.entries.get()).toMatchObject([{ text: 'one', number: 1 }]);
  });

  it('sends although its store never answers', async () => {
    const never = () => new Promise<never>(() => {});
    const { outbox, sent } = start({ store: { all: never, put: never, remove: never } });
    outbox.send('r', 'one');
    await vi.advanceTimersByTimeAsync(2000);
    expect(sent.map(({ text }) => text)).toEqual(['one']);
  });

  it('tells until when the server asks to wait in a room, and goes on then', async () => {
    const { outbox, sent, settle } = start();
    outbox.send('r', 'one');
    await settle();
    sent[0]!.refuse('RATE_LIMITED', 7000);
    await settle();
    const until = outbox.pauses.get().get('r')!;
    expect(until - Date.now()).toBeGreaterThanOrEqual(7000);
    expect([...outbox.pauses.get().keys()]).toEqual(['r']);
    await vi.advanceTimersByTimeAsync(until - Date.now());
    expect(outbox.pauses.get().size).toBe(0);
    expect(sent.map(({ text }) => text)).toEqual(['one', 'one']);
  });

  it('FOLLOW-4: shows a message at once and sends the messages of a room one at a time, in order', async () => {
    const { outbox, sent, settle } = start();
    for (const text of ['one', 'two']) outbox.send('r', text);
    outbox.send('other', 'elsewhere');
    expect(outbox.entries.get().map(({ text }) => text)).toEqual(['one', 'two', 'elsewhere']);
    await settle();
    expect(sent.map(({ text }) => text).sort()).toEqual(['elsewhere', 'one']);
    sent.find(({ text }) => text === 'one')!.answer(1);
    await settle();
    expect(sent.at(-1)?.text).toBe('two');
  });

  it('FOLLOW-4: repeats the same key until it is acknowledged', async () => {
    const { outbox, sent } = start();
    outbox.send('r', 'one');
    for (const wait of [250, 500, 1000, 2000]) {
      await vi.advanceTimersByTimeAsync(wait);
      sent.at(-1)!.fail('UNAVAILABLE');
      await vi.advanceTimersByTimeAsync(0);
    }
    await vi.advanceTimersByTimeAsync(4000);
    expect(sent.map(({ key }) => key)).toEqual(['k1', 'k1', 'k1', 'k1', 'k1']);
    sent.at(-1)!.answer(7);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sent).toHaveLength(5);
    expect(outbox.entries.get()).toMatchObject([{ key: 'k1', number: 7 }]);
  });

  it('listens for its end once, however often it tries', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const { outbox, sent } = start();
    outbox.send('r', 'one');
    for (let attempt = 1; attempt <= 20; attempt++) {
      await vi.advanceTimersByTimeAsync(30_000);
      expect(sent).toHaveLength(attempt);
      sent.at(-1)!.fail('UNAVAILABLE');
      await vi.advanceTimersByTimeAsync(0);
    }
    outbox.stop();
    expect(warn.mock.calls).toEqual([]);
    warn.mockRestore();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('keeps what is written while there is no connection, and sends it once there is', async () => {
    const { outbox, state, sent, settle } = start();
    state.set('offline');
    outbox.send('r', 'one');
    outbox.send('r', 'two');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sent).toHaveLength(0);
    state.set('connected');
    await settle();
    sent[0]!.answer(1);
    await settle();
    sent[1]!.answer(2);
    await settle();
    expect(sent.map(({ text }) => text)).toEqual(['one', 'two']);
  });

  it('waits as long as a rate limit asks, then sends the same message', async () => {
    const { outbox, sent } = start();
    outbox.send('r', 'one');
    await vi.advanceTimersByTimeAsync(0);
    sent[0]!.refuse('RATE_LIMITED', 4000);
    await vi.advanceTimersByTimeAsync(3999);
    expect(sent).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(300);
    expect(sent.map(({ key }) => key)).toEqual(['k1', 'k1']);
  });

  it('keeps a refused message for the hand, and does not hold up the next one', async () => {
    const { outbox, sent, settle } = start();
    outbox.send('r', 'bad');
    outbox.send('r', 'good');
    await settle();
    sent[0]!.refuse('INVALID_INPUT');
    await settle();
    expect(outbox.entries.get()[0]?.failure).toEqual({ code: 'INVALID_INPUT', message: 'INVALID_INPUT' });
    expect(sent[1]?.text).toBe('good');
    sent[1]!.answer(1);
    await settle();
    outbox.retry('k1');
    await settle();
    expect(sent[2]).toMatchObject({ text: 'bad', key: 'k1' });
    sent[2]!.refuse('INVALID_INPUT');
    await settle();
    outbox.discard('k1');
    expect(outbox.entries.get().filter(({ number }) => number === null)).toEqual([]);
  });

  it('retries a message whose key has another text under a new key', async () => {
    const { outbox, sent, settle } = start();
    outbox.send('r', 'one');
    await settle();
    sent[0]!.refuse('IDEMPOTENCY_CONFLICT');
    await settle();
    outbox.retry('k1');
    await settle();
    expect(sent[1]).toMatchObject({ text: 'one', key: 'k2' });
  });

  it('keeps the order over a reload, also of what was written at one moment or by a clock that was set back', async () => {
    const store = createMemoryOutboxStore();
    // As IndexedDB gives them: by key.
    const byKey = {
      ...store,
      all: async () => (await store.all()).toSorted((a, b) => (a.key < b.key ? 1 : -1)),
    };
    const first = start({ store: byKey });
    for (const text of ['one', 'two']) first.outbox.send('r', text);
    vi.setSystemTime(Date.now() - 3000);
    first.outbox.send('r', 'three');
    await vi.advanceTimersByTimeAsync(0);
    first.outbox.stop();
    const second = start({ store: byKey });
    await second.outbox.loaded;
    expect(second.outbox.entries.get().map(({ text }) => text)).toEqual(['one', 'two', 'three']);
  });

  it('refuses a text that no frame holds by itself, and sends what is behind it', async () => {
    const { outbox, sent } = start();
    outbox.send('r', 'x'.repeat(70_000));
    outbox.send('r', 'hello');
    await vi.advanceTimersByTimeAsync(0);
    expect(outbox.entries.get()[0]?.failure?.code).toBe('INVALID_INPUT');
    expect(sent.map(({ text }) => text)).toEqual(['hello']);
  });

  it('sends what a reload left behind, under its old key', async () => {
    const before = start();
    before.state.set('reconnecting');
    before.outbox.send('r', 'one');
    await vi.advanceTimersByTimeAsync(1);
    before.outbox.send('r', 'two');
    await before.settle();
    before.outbox.stop();
    const after = start({ store: before.store, prefix: 'n' });
    await after.outbox.loaded;
    await after.settle();
    after.sent[0]!.answer(1);
    await after.settle();
    after.sent[1]!.answer(2);
    await after.settle();
    expect(after.sent.map(({ key, text }) => [key, text])).toEqual([
      ['k1', 'one'],
      ['k2', 'two'],
    ]);
    expect(await before.store.all()).toEqual([]);
  });

  it('asks before it repeats, as another visitor, what may have been stored', async () => {
    const { outbox, state, visitorId, sent, settle } = start();
    outbox.send('r', 'tried');
    await settle();
    outbox.send('r', 'untried');
    state.set('reconnecting');
    sent[0]!.fail('DISCONNECTED');
    visitorId.set('bo');
    state.set('connected');
    await vi.advanceTimersByTimeAsync(1000);
    expect(outbox.entries.get()[0]?.failure?.code).toBe(VISITOR_CHANGED);
    expect(sent.map(({ text }) => text)).toEqual(['tried', 'untried']);
    sent[1]!.answer(1);
    outbox.retry('k1');
    await settle();
    expect(sent[2]?.text).toBe('tried');
  });

  it('goes on without a store that works', async () => {
    const fail = () => Promise.reject(new Error('no database'));
    const { outbox, sent, settle } = start({ store: { all: fail, put: fail, remove: fail } });
    outbox.send('r', 'one');
    await settle();
    sent[0]!.answer(1);
    await settle();
    expect(outbox.entries.get()).toMatchObject([{ number: 1 }]);
  });

  it('stores as whom it sends before it sends, and sends nothing when that is somebody else by then', async () => {
    const store = createMemoryOutboxStore();
    let stored = (): void => undefined;
    const put = async (entry: OutboxEntry) => {
      await store.put(entry);
      if (entry.visitorId !== null) await new Promise<void>((resolve) => (stored = resolve));
    };
    const { outbox, sent, visitorId, settle } = start({ store: { ...store, put } });
    outbox.send('r', 'one');
    await settle();
    expect([await store.all(), sent]).toMatchObject([[{ visitorId: 'ana' }], []]);
    stored();
    await settle();
    sent[0]!.answer(1);
    outbox.send('r', 'two');
    await settle();
    visitorId.set('bo');
    stored();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sent).toHaveLength(1);
    expect(outbox.entries.get()[1]?.failure?.code).toBe(VISITOR_CHANGED);
  });

  it('leaves what it could not send to the next page when it is stopped: not refused, and not tried again', async () => {
    const { outbox, state, sent, store, settle } = start();
    outbox.send('r', 'one');
    outbox.send('r', 'two');
    outbox.send('other', 'three');
    await settle();
    state.set('reconnecting');
    outbox.stop();
    for (const { fail } of sent) fail('CLOSED');
    await settle();
    state.set('connected');
    outbox.send('third', 'four');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sent.map(({ text }) => text)).toEqual(['one', 'three']);
    const left = await store.all();
    expect(left.map(({ text, failure }) => [text, failure])).toEqual(
      ['one', 'two', 'three', 'four'].map((text) => [text, null]),
    );
  });

  it('while it waits for a connection, ends with its page', async () => {
    const { outbox, state, sent, settle } = start();
    state.set('reconnecting');
    outbox.send('r', 'one');
    await settle();
    outbox.stop();
    state.set('connected');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sent).toEqual([]);
  });

  it('forgets for good what is given up, and what was acknowledged', async () => {
    const { outbox, sent, store, settle } = start();
    outbox.send('r', 'one');
    outbox.send('r', 'two');
    await settle();
    sent[0]!.refuse('INVALID_INPUT');
    await settle();
    sent[1]!.answer(1);
    await settle();
    expect(await store.all()).toMatchObject([{ text: 'one' }]);
    outbox.discard('k1');
    await settle();
    expect(await store.all()).toEqual([]);
    expect(start({ store }).outbox.entries.get()).toEqual([]);
  });

  it('tries again what is neither stored nor refused', async () => {
    const { outbox, sent } = start();
    outbox.send('r', 'one');
    await vi.advanceTimersByTimeAsync(0);
    sent[0]!.answerNothing();
    await vi.advanceTimersByTimeAsync(31_000);
    expect(sent.map(({ key }) => key)).toEqual(['k1', 'k1']);
    expect(outbox.entries.get()).toMatchObject([{ number: null, failure: null }]);
  });

  it('keeps the hundred that were acknowledged last for a list that does not show them, and all that are unsent', async () => {
    const { outbox, sent, settle } = start();
    outbox.send('refused', 'refused');
    await settle();
    sent[0]!.refuse('INVALID_INPUT');
    for (let number = 1; number <= 130; number += 1) {
      outbox.send('r', String(number));
      await settle();
      sent.at(-1)!.answer(number);
    }
    outbox.send('r', 'on its way');
    await settle();
    const last = Array.from({ length: 100 }, (_, index) => String(31 + index));
    expect(outbox.entries.get().map(({ text }) => text)).toEqual(['refused', ...last, 'on its way']);
  });

  it('tells of each room for itself until when it waits', async () => {
    const { outbox, sent, settle } = start();
    outbox.send('r', 'one');
    outbox.send('other', 'two');
    await settle();
    sent[0]!.refuse('RATE_LIMITED', 5000);
    sent[1]!.refuse('RATE_LIMITED', 20_000);
    await settle();
    expect([...outbox.pauses.get().keys()]).toEqual(['r', 'other']);
    await vi.advanceTimersByTimeAsync(15_000);
    expect([...outbox.pauses.get().keys()]).toEqual(['other']);
    await vi.advanceTimersByTimeAsync(30_000);
    expect([...outbox.pauses.get().keys()]).toEqual([]);
  });

  it('lets go of acknowledged messages that the list shows', async () => {
    const { outbox, sent, settle } = start();
    outbox.send('r', 'one');
    await settle();
    sent[0]!.answer(4);
    await settle();
    outbox.delivered('r', 3);
    expect(outbox.entries.get()).toHaveLength(1);
    outbox.delivered('r', 4);
    expect(outbox.entries.get()).toEqual([]);
  });

  it('stores every message once and in order, whatever fails', async () => {
    const anyStep = fc.constantFrom('answer', 'lose answer', 'unavailable', 'limit', 'cut', 'write');
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { maxLength: 40 }), async (steps) => {
        const { outbox, state, sent, most } = start();
        /** What the server stored, by key: a repeat finds it there. */
        const stored = new Map<string, number>();
        const keep = ({ key }: Sent) => {
          if (!stored.has(key)) stored.set(key, stored.size + 1);
          return stored.get(key)!;
        };
        let handled = 0;
        let written = 0;
        const written1 = () => void outbox.send('r', String(++written));
        written1();
        for (const step of steps) {
          await vi.advanceTimersByTimeAsync(31_000);
          if (step === 'write') written1();
          const request = sent[handled];
          if (step === 'write' || request === undefined) continue;
          handled++;
          if (step === 'answer') request.answer(keep(request));
          else if (step === 'lose answer') {
            keep(request);
            request.fail('DISCONNECTED');
          } else if (step === 'unavailable') request.fail('UNAVAILABLE');
          else if (step === 'limit') request.refuse('RATE_LIMITED', 100);
          else {
            state.set('reconnecting');
            request.fail('DISCONNECTED');
            await vi.advanceTimersByTimeAsync(1000);
            state.set('connected');
          }
        }
        for (let rest = 0; rest <= written; rest++) {
          await vi.advanceTimersByTimeAsync(31_000);
          while (handled < sent.length) {
            const request = sent[handled++]!;
            request.answer(keep(request));
            await vi.advanceTimersByTimeAsync(0);
          }
        }
        expect([...stored.keys()]).toEqual(Array.from({ length: written }, (_, index) => `k${index + 1}`));
        expect(outbox.entries.get().every(({ number }) => number !== null)).toBe(true);
        expect(most()).toBe(1);
        outbox.stop();
      }),
      { numRuns: 80 },
    );
  });
});

describe('notYetListed', () => {
  const entry = (key: string, number: number | null = null): OutboxEntry => ({
    key,
    roomId: 'r',
    text: key,
    writtenAt: 0,
    visitorId: null,
    failure: null,
    number,
  });
  const listed = (number: number, idempotencyKey: string | null) => ({ number, idempotencyKey });

  it('hides what the list shows by key or by number, and nothing else', () => {
    const entries = [
      entry('a', 3),
      entry('b', 4),
      entry('c'),
      entry('d'),
      { ...entry('e'), roomId: 'other' },
    ];
    const messages = [listed(2, null), listed(3, null), listed(3, 'c')];
    expect(notYetListed(entries, 'r', messages).map(({ key }) => key)).toEqual(['b', 'd']);
  });

  it('hides what the list shows however many came after it while there was no connection', () => {
    const others = Array.from({ length: 1000 }, (_, index) => listed(index + 2, null));
    expect(notYetListed([entry('a')], 'r', [listed(1, 'a'), ...others])).toEqual([]);
  });
});
