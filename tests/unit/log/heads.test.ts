import { describe, expect, test } from 'vitest';
import { unavailable } from '../../../src/lib/coded-error.js';
import { createHeadRead } from '../../../src/log/head-read.js';
import { createKnownHead, headOf, momentOf } from '../../../src/log/known-head.js';
import { LOG_LIMITS } from '../../../src/log/log-limits.js';
import { createFakeClock } from '../../testkit/log/fake-clock.js';
import { createMemoryLogStore } from '../../testkit/log/memory-log-store.js';
import { LOG_ID, note, type Note } from '../../testkit/log/log-world.js';

const LIFETIME_MS = 60_000;
const record = (number: number): Note => ({ ...note(`${number}`), number });

describe('a known head', () => {
  const known = () => {
    const clock = createFakeClock();
    return { clock, head: createKnownHead<Note>(clock, LIFETIME_MS) };
  };

  test('rises and never falls', () => {
    const { clock, head } = known();
    for (const number of [3, 7, 5]) head.proven(headOf(record(number)), momentOf(clock));
    expect(head.get()?.number).toBe(7);
  });

  test('is forgotten when nothing confirmed it for its lifetime', async () => {
    const { clock, head } = known();
    head.proven(headOf(record(3)), momentOf(clock));
    await clock.pass(LIFETIME_MS);
    expect(head.get()?.number).toBe(3);
    await clock.pass(1);
    expect(head.get()).toBeNull();
  });

  test('lives on when it is confirmed, counted from when that read began', async () => {
    const { clock, head } = known();
    head.proven(headOf(record(3)), momentOf(clock));
    await clock.pass(30_000);
    const began = momentOf(clock);
    await clock.pass(20_000);
    head.proven(headOf(record(3)), began);
    await clock.pass(40_000);
    expect(head.get()?.number).toBe(3);
    await clock.pass(1);
    expect(head.get()).toBeNull();
  });

  test('is not confirmed by a lower one', async () => {
    const { clock, head } = known();
    head.proven(headOf(record(3)), momentOf(clock));
    await clock.pass(LIFETIME_MS);
    head.proven(headOf(record(2)), momentOf(clock));
    await clock.pass(1);
    expect(head.get()).toBeNull();
  });

  test('is forgotten after a sleep of the machine, in which only the wall clock went on', () => {
    const { clock, head } = known();
    head.proven(headOf(record(3)), { now: clock.now() - LIFETIME_MS - 1, monotonic: clock.monotonic() });
    expect(head.get()).toBeNull();
  });

  test('is raised by an event, but never revived by one', () => {
    const { clock, head } = known();
    head.extend(headOf(record(3)));
    expect(head.get()).toBeNull();
    head.proven(headOf(record(3)), momentOf(clock));
    head.extend(headOf(record(4)));
    expect(head.get()?.number).toBe(4);
    head.forget();
    head.extend(headOf(record(5)));
    expect(head.get()).toBeNull();
  });

  test('that may not be numbered from any more is still the highest that was known', async () => {
    const { clock, head } = known();
    expect(head.highest()).toBeNull();
    for (const number of [3, 7, 5]) head.proven(headOf(record(number)), momentOf(clock));
    head.forget();
    expect(head.highest()?.number).toBe(7);
    head.proven(headOf(record(6)), momentOf(clock));
    expect([head.get()?.number, head.highest()?.number]).toEqual([6, 7]);
    head.extend(headOf(record(8)));
    await clock.pass(LIFETIME_MS + 1);
    expect([head.get(), head.highest()?.number]).toEqual([null, 8]);
  });
});

describe('reading a head', () => {
  /** A store that answers after `ms`, and counts. */
  function slow(ms: number) {
    const clock = createFakeClock();
    const memory = createMemoryLogStore<Note>();
    const starts: number[] = [];
    const headRead = createHeadRead<Note>({
      store: {
        ...memory,
        newest: async (...args) => {
          starts.push(clock.monotonic());
          const answer = await memory.newest(...args);
          await new Promise<void>((resolve) => void clock.after(ms, resolve));
          return answer;
        },
      },
      clock,
      limits: { ...LOG_LIMITS, maxReplayed: 1 },
      knownNumber: () => 0,
      onRead: () => undefined,
    });
    return { clock, memory, starts, headRead };
  }

  test('is never answered by a read that began before it was asked for', async () => {
    const { clock, memory, starts, headRead } = slow(100);
    const early = headRead(LOG_ID);
    await clock.pass(50);
    memory.put(record(1));
    const late = [headRead(LOG_ID), headRead(LOG_ID)];
    await clock.pass(200);
    expect((await early).head.number).toBe(0);
    expect((await Promise.all(late)).map(({ head }) => head.number)).toEqual([1, 1]);
    expect(starts).toEqual([0, 100]);
  });

  test('is not shared with who asks while it is under way, though it was shared before', async () => {
    const { clock, memory, starts, headRead } = slow(100);
    const answers = [headRead(LOG_ID)];
    await clock.pass(50);
    answers.push(headRead(LOG_ID));
    await clock.pass(100);
    memory.put(record(1));
    answers.push(headRead(LOG_ID), headRead(LOG_ID));
    await clock.pass(300);
    const numbers = (await Promise.all(answers)).map(({ head }) => head.number);
    expect([numbers, starts]).toEqual([
      [0, 0, 1, 1],
      [0, 100, 200],
    ]);
  });

  test('does not wait long for one that hangs', async () => {
    const { clock, starts, headRead } = slow(100_000);
    void headRead(LOG_ID);
    await clock.pass(10);
    void headRead(LOG_ID);
    await clock.pass(1000);
    expect(starts).toEqual([0, 10 + LOG_LIMITS.headReadShareMs]);
  });

  test('fails for those who shared it and not for the next', async () => {
    const clock = createFakeClock();
    const memory = createMemoryLogStore<Note>();
    let away = true;
    const headRead = createHeadRead<Note>({
      store: {
        ...memory,
        newest: (...args) => (away ? Promise.reject(unavailable()) : memory.newest(...args)),
      },
      clock,
      limits: { ...LOG_LIMITS, maxReplayed: 1 },
      knownNumber: () => 0,
      onRead: () => undefined,
    });
    await expect(headRead(LOG_ID)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    away = false;
    expect((await headRead(LOG_ID)).head.number).toBe(0);
  });
});
