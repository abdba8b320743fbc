import { describe, expect, it } from 'vitest';
import { sleep } from '../../../src/lib/clock.js';
import { unavailable } from '../../../src/lib/coded-error.js';
import { silentLogger } from '../../../src/lib/logger.js';
import type { LogFeed } from '../../../src/log/log-feed.js';
import { LOG_LIMITS } from '../../../src/log/log-limits.js';
import { createTailCheck } from '../../../src/log/tail-check.js';
import { createFakeClock } from '../../testkit/log/fake-clock.js';
import { createMemoryLogBus } from '../../testkit/log/memory-log-bus.js';
import { createMemoryLogStore } from '../../testkit/log/memory-log-store.js';
import { note, type Note } from '../../testkit/log/log-world.js';

/** In the middle of the time between two checks. */
const PAUSE_MS = LOG_LIMITS.tailCheckMs + LOG_LIMITS.tailCheckJitterMs / 2;
const POLL_MS = LOG_LIMITS.pollingTailCheckMs;

/** A check over feeds that only say where they stand, on a store whose calls are written down. */
function createCheck() {
  const clock = createFakeClock();
  const bus = createMemoryLogBus<Note>();
  const store = createMemoryLogStore<Note>();
  const feeds = new Map<string, LogFeed<Note>>();
  const places = new Map<string, number | null>();
  const told: unknown[] = [];
  const asked: string[] = [];
  const state = { answer: async (_signal: AbortSignal): Promise<unknown> => undefined };
  const check = createTailCheck<Note>({
    store: {
      ...store,
      async get(positions, level, signal) {
        const which = positions.map(({ logId, number }) => `${logId} ${number}`);
        asked.push(`${clock.monotonic()}: ${which.join(', ')}`);
        await state.answer(signal);
        return store.get(positions, level, signal);
      },
      firsts(logIds, level, signal) {
        asked.push(`firsts of ${logIds.join(', ')}`);
        return store.firsts(logIds, level, signal);
      },
    },
    bus,
    clock,
    chance: () => 0.5,
    limits: { ...LOG_LIMITS, maxReplayed: 1000 },
    log: silentLogger,
    feeds: () => feeds,
  });

  return {
    clock,
    bus,
    store,
    state,
    check,
    feeds,
    asked,
    told,
    /** A feed that stands at `next`; null: it has not started. */
    open(logId: string, next: number | null) {
      places.set(logId, next);
      const feed = {
        next: () => places.get(logId) ?? null,
        checked: (number: number, exists: boolean, first: number | null, at: { monotonic: number }) =>
          told.push([logId, number, exists, first, at.monotonic]),
      };
      feeds.set(logId, feed as unknown as LogFeed<Note>);
      check.wake();
    },
    /** What was asked since. */
    asks: () => asked.splice(0).filter((line) => !line.startsWith('firsts')),
  };
}

describe('the tail check', () => {
  it('comes every few seconds while there are feeds, with one timer', async () => {
    const { clock, feeds, open, check, asks } = createCheck();
    await clock.pass(60_000);
    expect(clock.pending()).toBe(0);
    open('a', 4);
    await clock.pass(1000);
    open('b', 1);
    expect(clock.pending()).toBe(1);
    await clock.pass(2 * PAUSE_MS);
    expect(asks()).toEqual([60_000 + PAUSE_MS, 60_000 + 2 * PAUSE_MS].map((at) => `${at}: a 4, b 1`));
    feeds.clear();
    await clock.pass(60_000);
    expect([asks(), clock.pending()]).toEqual([[], 0]);
    open('c', 1);
    check.wake();
    expect(clock.pending()).toBe(1);
    await clock.pass(PAUSE_MS);
    expect(asks()).toHaveLength(1);
  });

  it('tells each feed that has started what it asked, when, and from time to time where the log begins', async () => {
    const { clock, store, asked, told, open } = createCheck();
    store.put({ ...note('new'), logId: 'a', number: 4 });
    store.setFirst('a', 3);
    open('a', 4);
    open('b', 1);
    open('starting', null);
    await clock.pass(PAUSE_MS);
    expect(asked).toEqual([`${PAUSE_MS}: a 4, b 1`, 'firsts of a, b']);
    expect(told.splice(0)).toEqual([
      ['a', 4, true, 3, PAUSE_MS],
      ['b', 1, false, 1, PAUSE_MS],
    ]);
    await clock.pass(PAUSE_MS);
    expect(told).toEqual([
      ['a', 4, true, null, 2 * PAUSE_MS],
      ['b', 1, false, null, 2 * PAUSE_MS],
    ]);
    await clock.pass(LOG_LIMITS.firstsCheckMs);
    expect(asked.filter((line) => line.startsWith('firsts'))).toHaveLength(2);
  });

  it('waits for the feeds to start', async () => {
    const { clock, open, asks } = createCheck();
    open('a', null);
    await clock.pass(2 * PAUSE_MS);
    open('a', 1);
    expect(asks()).toEqual([]);
    await clock.pass(PAUSE_MS);
    expect(asks()).toHaveLength(1);
  });

  it('asks one part after the other, and no part twice', async () => {
    const { clock, state, open, asks } = createCheck();
    state.answer = () => sleep(clock, 100);
    for (let log = 0; log < 2 * LOG_LIMITS.tailCheckLogs; log += 1) open(`${log}`, 1);
    await clock.pass(PAUSE_MS + 50);
    expect(asks()).toHaveLength(1);
    await clock.pass(1000);
    expect(asks()).toHaveLength(1);
  });

  it('comes at once when the bus goes or is back, and often while it is away', async () => {
    const { clock, bus, open, asks } = createCheck();
    open('a', 1);
    await clock.pass(1000);
    bus.setMode('polling');
    await clock.pass(2 * POLL_MS);
    expect(asks()).toEqual([1000, 1000 + POLL_MS, 1000 + 2 * POLL_MS].map((at) => `${at}: a 1`));
    await clock.pass(100);
    bus.setMode('push');
    await clock.pass(PAUSE_MS);
    const back = 1000 + 2 * POLL_MS + 100;
    expect(asks()).toEqual([back, back + PAUSE_MS].map((at) => `${at}: a 1`));
    expect(clock.pending()).toBe(1);
  });

  it('is made once more behind one that was under way when it was wanted, never beside it', async () => {
    const { clock, bus, check, state, open, asks } = createCheck();
    open('a', 1);
    await clock.pass(0);
    state.answer = () => sleep(clock, 100);
    bus.setMode('polling');
    bus.setMode('push');
    check.wake();
    await clock.pass(99);
    expect(asks()).toEqual(['0: a 1']);
    await clock.pass(101);
    expect(asks()).toEqual(['100: a 1']);
    expect(clock.pending()).toBe(1);
    await clock.pass(PAUSE_MS);
    expect(asks()).toEqual([`${200 + PAUSE_MS}: a 1`]);
  });

  it('that fails, or has no answer in time, is made again with all that it asked', async () => {
    const { clock, state, asked, told, open } = createCheck();
    open('a', 1);
    state.answer = () => Promise.reject(unavailable());
    await clock.pass(PAUSE_MS);
    state.answer = (signal) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(unavailable())));
    await clock.pass(PAUSE_MS + LOG_LIMITS.storeCallMs);
    expect(told).toEqual([]);
    state.answer = async () => undefined;
    await clock.pass(PAUSE_MS);
    expect(asked.filter((line) => line.startsWith('firsts'))).toHaveLength(3);
    expect(told).toHaveLength(1);
  });

  it('is over when it is stopped, also in the middle of one', async () => {
    const resting = createCheck();
    resting.open('a', 1);
    resting.check.stop();
    resting.check.wake();
    resting.bus.setMode('polling');
    await resting.clock.pass(60_000);
    expect([resting.asks(), resting.clock.pending(), resting.bus.modeListeners()]).toEqual([[], 0, 0]);

    const busy = createCheck();
    busy.open('a', 1);
    busy.state.answer = () => sleep(busy.clock, 100);
    busy.bus.setMode('polling');
    await busy.clock.pass(50);
    busy.check.stop();
    await busy.clock.pass(60_000);
    expect([busy.asks(), busy.clock.pending()]).toEqual([['0: a 1'], 0]);
  });
});
