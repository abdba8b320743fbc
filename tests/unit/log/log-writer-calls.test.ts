import { describe, expect, test } from 'vitest';
import type { LogStore } from '../../../src/log/log-store.js';
import type { FakeClock } from '../../testkit/log/fake-clock.js';
import {
  createInstance,
  createLogWorld,
  note,
  patient,
  withStore,
  LOG_ID,
  type Note,
} from '../../testkit/log/log-world.js';

/** Calls of a store that say so, in order, with the session that they are part of. */
function recorded(store: LogStore<Note>) {
  const calls: string[] = [];
  const names = new Map<unknown, number>();
  const change: Partial<LogStore<Note>> = {
    session() {
      const number = names.size + 1;
      const session = { end: () => void calls.push(`end ${number}`) };
      names.set(session, number);
      calls.push(`session ${number}`);
      return session;
    },
    append(records, session, signal) {
      calls.push(`append ${names.get(session)}`);
      return store.append(records, session, signal);
    },
    newest(logId, session, signal, from) {
      calls.push(`newest ${names.get(session)}`);
      return store.newest(logId, session, signal, from);
    },
  };
  return { calls, change };
}

const UNKNOWN = { outcome: 'unknown', landed: 0, cause: new Error('no answer') } as const;

describe('an append whose outcome is not known', () => {
  test('is tried again in a session of its own, behind the head as the store has it then', async () => {
    const world = createLogWorld();
    let fails = 0;
    const { calls, change } = recorded({
      ...world.store,
      append: (...args) => (fails-- > 0 ? Promise.resolve(UNKNOWN) : world.store.append(...args)),
    });
    const { log } = withStore(world, change);
    void log.append(LOG_ID, note('a'), patient());
    await world.clock.pass(10);
    expect(calls.splice(0)).toEqual(['session 1', 'newest 1', 'append 1', 'end 1']);
    fails = 1;
    void log.append(LOG_ID, note('b'), patient());
    await world.clock.pass(500);
    expect(calls).toEqual(['session 2', 'append 2', 'end 2', 'session 3', 'newest 3', 'append 3', 'end 3']);
    expect(world.store.all(LOG_ID).map(({ text }) => text)).toEqual(['a', 'b']);
  });

  test('is tried again ever more slowly, at most 200 ms apart, and the next one from the first pause on', async () => {
    const world = createLogWorld();
    let fails = 0;
    let tries: number[] = [];
    const store: LogStore<Note> = {
      ...world.store,
      append(...args) {
        tries.push(world.clock.monotonic());
        return fails-- > 0 ? Promise.resolve(UNKNOWN) : world.store.append(...args);
      },
    };
    const pauses = () => tries.map((at, index) => at - (tries[index - 1] ?? 0)).slice(1);
    for (const [chance, expected] of [
      [0, [10, 20, 40, 80, 160, 200, 200]],
      [0.5, [7.5, 15, 30, 60, 120, 150, 150]],
    ] as const) {
      const { log } = createInstance({ ...world, store, chance: () => chance });
      for (const text of ['one', 'other']) {
        tries = [];
        fails = expected.length;
        void log.append(LOG_ID, note(text), patient());
        await world.clock.pass(2000);
        expect(pauses()).toEqual(expected);
      }
      tries = [];
      fails = 1;
      for (const text of ['both', 'at once']) void log.append(LOG_ID, note(text), patient());
      await world.clock.pass(1);
      void log.append(LOG_ID, note('behind them'), patient());
      await world.clock.pass(2000);
      expect(pauses()).toEqual([expected[0]]);
    }
  });
});

describe('a writer', () => {
  test('asks one thing at a time, whatever it meets', async () => {
    const world = createLogWorld();
    const most = new Map<string, number>();

    /** Each call of an instance takes a moment, and is counted while it lasts. */
    function slow(name: string): LogStore<Note> {
      let under = 0;
      const slowly = async <Value>(call: () => Promise<Value>): Promise<Value> => {
        under += 1;
        most.set(name, Math.max(most.get(name) ?? 0, under));
        await new Promise<void>((resolve) => void world.clock.after(1, resolve));
        try {
          return await call();
        } finally {
          under -= 1;
        }
      };
      return {
        ...world.store,
        append: (...args) => slowly(() => world.store.append(...args)),
        byKey: (...args) => slowly(() => world.store.byKey(...args)),
        newest: (...args) => slowly(() => world.store.newest(...args)),
      };
    }
    const instances = ['one', 'other'].map((name) => createInstance({ ...world, store: slow(name) }));
    const answers: Promise<unknown>[] = [];
    for (let turn = 0; turn < 60; turn += 1) {
      for (const { log } of instances) {
        for (const key of [`c:${turn % 20}`, `c:${turn} ${answers.length}`]) {
          answers.push(log.append(LOG_ID, note(key, { key }), patient()));
        }
      }
      await world.clock.pass(turn % 4);
    }
    await world.clock.pass(2000);
    await Promise.all(answers);
    expect([...most.values()]).toEqual([1, 1]);
    const keys = world.store.all(LOG_ID).map(({ key }) => key);
    expect(new Set(keys).size).toBe(keys.length);
    expect(keys).toHaveLength(20 + 120);
    const notFound = instances.flatMap(({ counts }) => [counts.get('conflict') ?? 0]);
    expect(Math.max(...notFound)).toBeGreaterThan(0);
  });

  /** A store that answers appends only when their signal aborts. */
  function hanging(clock: FakeClock) {
    const signals: AbortSignal[] = [];
    const append: LogStore<Note>['append'] = (_records, _session, signal) => {
      signals.push(signal);
      return new Promise((resolve) => signal.addEventListener('abort', () => resolve(UNKNOWN)));
    };
    return { signals, append, deadline: (ms: number) => clock.deadline(ms) };
  }

  test('gives a call up when the last one who waits for it has gone, not before', async () => {
    const world = createLogWorld();
    const { signals, append, deadline } = hanging(world.clock);
    const { log } = withStore(world, { append });
    const refused = [1000, 3000].map((ms) =>
      log.append(LOG_ID, note(`${ms}`), deadline(ms)).catch((error: unknown) => error),
    );
    await world.clock.pass(2999);
    expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
    await world.clock.pass(1);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
    expect(await Promise.all(refused)).toMatchObject([{ code: 'UNAVAILABLE' }, { code: 'UNAVAILABLE' }]);
  });

  test('gives the call under way up when the log has stopped', async () => {
    const world = createLogWorld();
    const { signals, append } = hanging(world.clock);
    const { log } = withStore(world, { append });
    const refused = log.append(LOG_ID, note('a'), patient()).catch((error: unknown) => error);
    await world.clock.pass(1);
    const ended = log.stop(100);
    await world.clock.pass(110);
    await ended;
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
    expect(await refused).toMatchObject({ code: 'UNAVAILABLE' });
  });
});

describe('an instance that stood still for longer than a head lives, while older records went', () => {
  const STILL_MS = 2500;

  /** A writer that hears some answers late, and records that come meanwhile: all but the newest are then removed. */
  function createLate() {
    const world = createLogWorld({ headLifetimeMs: 1000 });
    let late: 'append' | 'newest' | null = null;
    const answered = async <Value>(call: typeof late, answer: Promise<Value>): Promise<Value> => {
      const value = await answer;
      if (late === call) await new Promise<void>((resolve) => world.clock.after(STILL_MS, resolve));
      return value;
    };
    const { log } = withStore(world, {
      append: (...args) => answered('append', world.store.append(...args)),
      newest: (...args) => answered('newest', world.store.newest(...args)),
    });
    const append = (entry: Omit<Note, 'number'>) => log.append(LOG_ID, entry, patient());
    return {
      append,
      async pass(ms: number) {
        await world.clock.pass(ms);
      },
      async others(count: number) {
        for (let one = 0; one < count; one += 1) void world.log.append(LOG_ID, note('other'), patient());
        await world.clock.pass(10);
      },
      retain() {
        const numbers = world.store.all(LOG_ID).map(({ number }) => number);
        world.store.setFirst(LOG_ID, numbers.at(-1) ?? 1);
        for (const number of numbers.slice(0, -1)) world.store.remove(LOG_ID, number);
      },
      late: (call: typeof late) => void (late = call),
      numbers: () => world.store.all(LOG_ID).map(({ number }) => number),
    };
  }

  test('does not number from its own insert that was answered then', async () => {
    const { append, late, numbers, others, pass, retain } = createLate();
    late('append');
    void append(note('a'));
    await pass(10);
    await others(3);
    retain();
    await pass(STILL_MS);
    late(null);
    void append(note('b'));
    await pass(10);
    expect(numbers()).toEqual([4, 5]);
  });

  test('does not number from a head that was told then', async () => {
    const { append, late, numbers, others, pass, retain } = createLate();
    await others(1);
    late('newest');
    void append(note('a'));
    await pass(10);
    await others(3);
    retain();
    late(null);
    await pass(STILL_MS);
    expect(numbers()).toEqual([4, 5]);
  });

  test('does not number from a record that had its key before', async () => {
    const { append, late, numbers, others, pass, retain } = createLate();
    const entry = note('a', { key: 'c:a' });
    void append(entry);
    await pass(10);
    await others(3);
    late('append');
    void append(note('a', { key: 'c:a' }));
    await pass(2 * STILL_MS);
    late(null);
    await others(1);
    retain();
    void append(note('b'));
    await pass(10);
    expect(numbers()).toEqual([5, 6]);
  });
});
