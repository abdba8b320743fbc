import { describe, expect, test } from 'vitest';
import { unavailable } from '../../../src/lib/coded-error.js';
import { tagOf, type LogStore } from '../../../src/log/log-store.js';
import type { LogAppended } from '../../../src/log/log.js';
import { createMemoryLogBus } from '../../testkit/log/memory-log-bus.js';
import { createMemoryLogStore } from '../../testkit/log/memory-log-store.js';
import { createFakeClock, type FakeClock } from '../../testkit/log/fake-clock.js';
import {
  createInstance,
  createLogWorld,
  note,
  patient,
  LOG_ID,
  type Note,
  seededChance,
} from '../../testkit/log/log-world.js';

/** A world whose store is changed by a test. */
function createWrapped(change: (store: LogStore<Note>) => Partial<LogStore<Note>>, limits = {}) {
  const clock = createFakeClock();
  const store = createMemoryLogStore<Note>();
  const bus = createMemoryLogBus<Note>();
  const seen: LogStore<Note> = { ...store, ...change(store) };
  return { clock, store, bus, ...createInstance({ store: seen, bus, clock, limits }) };
}

async function settled<Value>(clock: FakeClock, promise: Promise<Value>, ms = 10) {
  const outcome = promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  await clock.pass(ms);
  return Promise.race([outcome, Promise.resolve({ waits: true as const })]);
}

const shown = (appended: LogAppended<Note>): string =>
  appended.outcome === 'stored'
    ? `${appended.record.number} ${appended.record.text}${appended.duplicate ? ' again' : ''}`
    : 'conflict';

describe('appending', () => {
  test('sends of one turn become one batch, numbered from 1 in the order they came', async () => {
    const { log, clock, store, counts } = createLogWorld();
    const sent = ['a', 'b', 'c'].map((text) => log.append(LOG_ID, note(text), patient()));
    await clock.pass(10);
    expect((await Promise.all(sent)).map(shown)).toEqual(['1 a', '2 b', '3 c']);
    expect(store.all(LOG_ID).map(({ text }) => text)).toEqual(['a', 'b', 'c']);
    expect(counts.get('batch 3')).toBe(1);
  });

  test('a batch holds at most so many records and so many bytes', async () => {
    const { log, clock, store, counts } = createLogWorld({ maxBatchRecords: 4, maxBatchBytes: 300 });
    const sent = Array.from({ length: 7 }, (_, index) => log.append(LOG_ID, note(`${index}`), patient()));
    await clock.pass(10);
    await Promise.all(sent);
    // 100 bytes each: three fit.
    expect([counts.get('batch 3'), counts.get('batch 1'), counts.get('batch 4')]).toEqual([2, 1, undefined]);
    expect(store.all(LOG_ID)).toHaveLength(7);
  });

  test('one record above the size of a batch is a batch of its own', async () => {
    const { log, clock } = createLogWorld({ maxBatchBytes: 1 });
    const sent = ['a', 'b'].map((text) => log.append(LOG_ID, note(text), patient()));
    await clock.pass(10);
    expect((await Promise.all(sent)).map(shown)).toEqual(['1 a', '2 b']);
  });

  test('what comes while a batch is under way is the next one', async () => {
    const world = createWrapped((store) => ({
      append: async (...args) => {
        await new Promise<void>((resolve) => void world.clock.after(50, resolve));
        return store.append(...args);
      },
    }));
    const first = world.log.append(LOG_ID, note('a'), patient());
    await world.clock.pass(10);
    const rest = ['b', 'c', 'd'].map((text) => world.log.append(LOG_ID, note(text), patient()));
    await world.clock.pass(200);
    expect((await Promise.all([first, ...rest])).map(shown)).toEqual(['1 a', '2 b', '3 c', '4 d']);
    expect([world.counts.get('batch 1'), world.counts.get('batch 3')]).toEqual([1, 1]);
  });

  test('LOG-2: instances that send at once leave no hole and no number twice', async () => {
    const world = createLogWorld();
    const store: LogStore<Note> = {
      ...world.store,
      append: async (...args) => {
        await new Promise<void>((resolve) => void world.clock.after(5, resolve));
        return world.store.append(...args);
      },
    };
    const instances = [1, 2, 3].map(() => createInstance({ ...world, store }));
    const sent = instances.flatMap(({ log }, who) =>
      Array.from({ length: 20 }, (_, index) => log.append(LOG_ID, note(`${who}.${index}`), patient())),
    );
    await world.clock.pass(1000);
    const numbers = (await Promise.all(sent)).map((a) => (a.outcome === 'stored' ? a.record.number : 0));
    expect(numbers.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 60 }, (_, index) => index + 1));
    expect(world.store.all(LOG_ID).map(({ number }) => number)).toEqual(numbers.toSorted((a, b) => a - b));
    expect(instances.some(({ counts }) => (counts.get('conflict') ?? 0) > 0)).toBe(true);
  });

  test('the head is read once and then counted; after a minute without use it is read again', async () => {
    let reads = 0;
    const world = createWrapped((store) => ({
      newest: (...args) => {
        reads += 1;
        return store.newest(...args);
      },
    }));
    for (const text of ['a', 'b', 'c']) {
      void world.log.append(LOG_ID, note(text), patient());
      await world.clock.pass(10_000);
    }
    expect(reads).toBe(1);
    await world.clock.pass(60_001);
    void world.log.append(LOG_ID, note('d'), patient());
    await world.clock.pass(10);
    expect(reads).toBe(2);
    expect(world.store.all(LOG_ID)).toHaveLength(4);
  });

  test('an event says which record it continues', async () => {
    const { log, clock, bus } = createLogWorld();
    for (const text of ['a', 'b']) void log.append(LOG_ID, note(text), patient());
    await clock.pass(10);
    const [first, second] = bus.published;
    expect(first?.previousTag).toBe(0);
    expect(second?.previousTag).toBe(first === undefined ? null : tagOf(first.record));
  });
});

describe('LOG-2: a log that several instances write', () => {
  const INSERT_MS = 5;

  /** Two instances that follow the log, on one store whose inserts take a while and whose head reads are noted. */
  async function createTwo() {
    const world = createLogWorld();
    const reads: (number | undefined)[] = [];
    const store: LogStore<Note> = {
      ...world.store,
      append: async (...args) => {
        await new Promise<void>((resolve) => void world.clock.after(INSERT_MS, resolve));
        return world.store.append(...args);
      },
      newest: (logId, session, signal, from) => {
        reads.push(from);
        return world.store.newest(logId, session, signal, from);
      },
    };
    const [one, other] = [1, 2].map((seed) =>
      createInstance({ ...world, store, chance: seededChance(seed) }),
    );
    if (one === undefined || other === undefined) throw new Error('no instances');
    for (const { log } of [one, other]) log.follow(LOG_ID);
    for (const { log } of [one, other]) {
      void log.append(LOG_ID, note('first'), patient());
      await world.clock.pass(100);
    }
    reads.length = 0;
    const send = ({ log }: typeof one, text: string) => log.append(LOG_ID, note(text), patient());
    return { ...world, one, other, reads, send };
  }

  test('who meets a taken number goes on behind what its feed has released, without a read', async () => {
    const { clock, one, other, reads, send } = await createTwo();
    const sent = [send(one, 'a'), send(other, 'b')];
    await clock.pass(100);
    expect((await Promise.all(sent)).map(shown).toSorted()).toEqual(['3 a', '4 b']);
    const conflicts = [one, other].map(({ counts }) => counts.get('conflict') ?? 0);
    expect(conflicts.reduce((sum, count) => sum + count, 0)).toBe(1);
    expect(reads).toEqual([]);
  });

  test('without news of who was faster it reads on from there', async () => {
    const { clock, bus, one, other, reads, send } = await createTwo();
    bus.setFate(() => 'lose');
    const sent = [send(one, 'a'), send(other, 'b')];
    await clock.pass(100);
    expect((await Promise.all(sent)).map(shown).toSorted()).toEqual(['3 a', '4 b']);
    expect(reads).toEqual([2]);
  });

  test('who writes takes turns with the others: few inserts meet a taken number', async () => {
    const { clock, one, other, send } = await createTwo();
    const stream = Array.from({ length: 400 }, async (_, index) => {
      await new Promise<void>((resolve) => void clock.after(index, resolve));
      return send(index % 2 === 0 ? one : other, `${index}`);
    });
    await clock.pass(1000);
    await Promise.all(stream);
    const counted = (what: string): number =>
      [one, other]
        .flatMap(({ counts }) => [...counts])
        .filter(([name]) => name.startsWith(what))
        .reduce((sum, [, count]) => sum + count, 0);
    expect(counted('batch')).toBeGreaterThan(40);
    expect(counted('conflict')).toBeLessThan(counted('batch') / 10);
  });

  test('who writes without a pause lets others go first: nobody is starved', async () => {
    const { clock, one, other, send } = await createTwo();
    const stream = Array.from({ length: 400 }, async (_, index) => {
      await new Promise<void>((resolve) => void clock.after(index, resolve));
      return send(one, `${index}`);
    });
    const waits: number[] = [];
    for (let index = 0; index < 20; index += 1) {
      const startedAt = clock.monotonic();
      void send(other, `other ${index}`).then(() => waits.push(clock.monotonic() - startedAt));
      await clock.pass(20);
    }
    await clock.pass(1000);
    await Promise.all(stream);
    expect(waits).toHaveLength(20);
    expect(Math.max(...waits)).toBeLessThan(40 * INSERT_MS);
  });
});

describe('LOG-5: a key', () => {
  const keyed = (text: string) => note(text, { key: 'c:once' });

  test('stores once: a repeat gives the stored record, on any instance', async () => {
    const world = createLogWorld();
    const other = createInstance(world);
    const first = world.log.append(LOG_ID, keyed('a'), patient());
    await world.clock.pass(10);
    const repeats = [world.log, other.log].map((log) => log.append(LOG_ID, keyed('a'), patient()));
    await world.clock.pass(100);
    expect(shown(await first)).toBe('1 a');
    expect((await Promise.all(repeats)).map(shown)).toEqual(['1 a again', '1 a again']);
    expect(world.store.all(LOG_ID)).toHaveLength(1);
  });

  test('with other input is a conflict, and others go on', async () => {
    const { log, clock } = createLogWorld();
    void log.append(LOG_ID, keyed('a'), patient());
    await clock.pass(10);
    const sent = [note('b'), keyed('changed'), note('c')].map((entry) =>
      log.append(LOG_ID, entry, patient()),
    );
    await clock.pass(100);
    expect((await Promise.all(sent)).map(shown)).toEqual(['2 b', 'conflict', '3 c']);
  });

  test('twice in one turn stores once', async () => {
    const { log, clock, store } = createLogWorld();
    const sent = [keyed('a'), keyed('a'), note('b')].map((entry) => log.append(LOG_ID, entry, patient()));
    await clock.pass(100);
    expect((await Promise.all(sent)).map(shown)).toEqual(['1 a', '1 a again', '2 b']);
    expect(store.all(LOG_ID)).toHaveLength(2);
  });

  test('of a record that was rolled back is stored anew', async () => {
    let refuse = true;
    const world = createWrapped((store) => ({
      append: (batch, ...rest) => {
        if (!refuse) return store.append(batch, ...rest);
        refuse = false;
        return Promise.resolve({ outcome: 'duplicate', landed: 0 });
      },
    }));
    const sent = world.log.append(LOG_ID, keyed('a'), patient());
    await world.clock.pass(100);
    expect(shown(await sent)).toBe('1 a');
  });

  test('that exists is published again: the first publish may have been lost', async () => {
    const { log, clock, bus } = createLogWorld();
    void log.append(LOG_ID, keyed('a'), patient());
    await clock.pass(10);
    void log.append(LOG_ID, keyed('a'), patient());
    await clock.pass(10);
    expect(bus.published.map(({ record, previousTag }) => [record.number, previousTag])).toEqual([
      [1, 0],
      [1, null],
    ]);
  });

  test('is found without appending', async () => {
    const { log, clock } = createLogWorld();
    void log.append(LOG_ID, keyed('a'), patient());
    await clock.pass(10);
    expect((await log.byKey(LOG_ID, 'author', 'c:once', patient()))?.number).toBe(1);
    expect(await log.byKey(LOG_ID, 'author', 'c:other', patient())).toBeNull();
  });
});

describe('LOG-1: an outcome that is not known', () => {
  test('is not acknowledged and not published; the same entries are tried again under the same keys', async () => {
    let answers = 0;
    const world = createWrapped((store) => ({
      // The first try lands, and its answer is lost.
      append: async (...args) => {
        answers += 1;
        const appended = await store.append(...args);
        return answers === 1 ? { outcome: 'unknown', landed: 0, cause: new Error('lost') } : appended;
      },
    }));
    const sent = ['a', 'b'].map((text) => world.log.append(LOG_ID, note(text), patient()));
    await world.clock.pass(1);
    expect(world.bus.published).toEqual([]);
    expect(await settled(world.clock, sent[0]!, 0)).toEqual({ waits: true });
    await world.clock.pass(500);
    expect((await Promise.all(sent)).map(shown)).toEqual(['1 a', '2 b']);
    expect(world.store.all(LOG_ID)).toHaveLength(2);
    expect(world.counts.get('unknown')).toBe(1);
    expect(world.released.map(({ number }) => number)).toEqual([1, 2]);
  });

  test('ends with UNAVAILABLE at the deadline of each request, and nothing waits any longer', async () => {
    const world = createWrapped(() => ({
      append: () => Promise.resolve({ outcome: 'unknown', landed: 0, cause: new Error('no primary') }),
    }));
    const sent = world.log.append(LOG_ID, note('a'), world.clock.deadline(5000));
    const late = settled(world.clock, sent, 4999);
    expect(await late).toEqual({ waits: true });
    expect(await settled(world.clock, sent, 1)).toMatchObject({ error: { code: 'UNAVAILABLE' } });
    expect(world.counts.get('queue')).toBe(0);
    await world.clock.pass(120_000);
    expect(world.clock.pending()).toBe(0);
  });

  test('of a request whose deadline was over before it came is UNAVAILABLE at once', async () => {
    const { log, clock, store } = createLogWorld();
    const sent = log.append(LOG_ID, note('a'), AbortSignal.abort());
    expect(await settled(clock, sent, 0)).toMatchObject({ error: { code: 'UNAVAILABLE' } });
    await clock.pass(100);
    expect(store.all(LOG_ID)).toEqual([]);
  });

  test('a head that cannot be read is asked for until it can', async () => {
    let failures = 3;
    const world = createWrapped((store) => ({
      newest: (...args) => {
        failures -= 1;
        return failures >= 0 ? Promise.reject(unavailable()) : store.newest(...args);
      },
    }));
    const sent = world.log.append(LOG_ID, note('a'), patient());
    await world.clock.pass(2000);
    expect(shown(await sent)).toBe('1 a');
  });
});

describe('a full queue', () => {
  const stuck = () => ({ append: () => new Promise<never>(() => undefined) });

  test('says OVERLOADED with the time to wait, for one log', async () => {
    const { log, clock } = createWrapped(stuck, { maxQueuedPerLog: 2 });
    for (const text of ['a', 'b']) void log.append(LOG_ID, note(text), patient()).catch(() => undefined);
    expect(await settled(clock, log.append(LOG_ID, note('c'), patient()))).toMatchObject({
      error: { code: 'OVERLOADED', retryAfterMs: 1000 },
    });
  });

  test('says OVERLOADED for the instance, and takes more when there is room', async () => {
    const world = createWrapped(stuck, { maxQueuedPerInstance: 2 });
    const ids = [1, 2, 3].map((digit) => `01890000-0000-7000-8000-00000000001${digit}`);
    const [first = '', second = '', third = ''] = ids;
    const gone = new AbortController();
    void world.log.append(first, note('a', { logId: first }), gone.signal).catch(() => undefined);
    void world.log.append(second, note('b', { logId: second }), patient()).catch(() => undefined);
    const refused = world.log.append(third, note('c', { logId: third }), patient());
    expect(await settled(world.clock, refused)).toMatchObject({ error: { code: 'OVERLOADED' } });
    gone.abort();
    const taken = world.log.append(third, note('d', { logId: third }), patient());
    expect(await settled(world.clock, taken)).toEqual({ waits: true });
  });
});

describe('the end', () => {
  test('waits for what is under way and refuses the rest', async () => {
    const world = createWrapped((store) => ({
      append: async (batch, ...rest) => {
        await new Promise<void>((resolve) => void world.clock.after(100, resolve));
        return batch[0]?.text === 'stuck' ? new Promise(() => undefined) : store.append(batch, ...rest);
      },
    }));
    const first = world.log.append(LOG_ID, note('a'), patient());
    await world.clock.pass(1);
    const second = world.log.append(LOG_ID, note('stuck'), patient());
    const ended = world.log.stop(1000);
    const third = world.log.append(LOG_ID, note('too late'), patient());
    expect(await settled(world.clock, third, 0)).toMatchObject({ error: { code: 'UNAVAILABLE' } });
    expect(shown(await settledValue(world.clock, first, 200))).toBe('1 a');
    expect(await settled(world.clock, second, 900)).toMatchObject({ error: { code: 'UNAVAILABLE' } });
    await ended;
    expect(() => world.log.follow(LOG_ID)).toThrow('did not answer');
  });

  test('a writer that rests is let go, with its timers', async () => {
    const { log, clock } = createLogWorld();
    void log.append(LOG_ID, note('a'), patient());
    await clock.pass(10);
    expect(clock.pending()).toBeGreaterThan(0);
    await clock.pass(200_000);
    expect(clock.pending()).toBe(0);
  });
});

async function settledValue<Value>(clock: FakeClock, promise: Promise<Value>, ms: number): Promise<Value> {
  await clock.pass(ms);
  return promise;
}
