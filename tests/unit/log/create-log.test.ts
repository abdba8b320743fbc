import { describe, expect, test } from 'vitest';
import { sleep } from '../../../src/lib/clock.js';
import { LOG_LIMITS } from '../../../src/log/log-limits.js';
import type { LogStore } from '../../../src/log/log-store.js';
import { followLog } from '../../testkit/log/follower.js';
import {
  createInstance,
  createLogWorld,
  LOG_ID,
  note,
  patient,
  seededChance,
  withStore,
  type Note,
} from '../../testkit/log/log-world.js';

const UNKNOWN = { outcome: 'unknown', landed: 0, cause: new Error('no answer') } as const;

describe('what an instance reports', () => {
  test.each(Array.from({ length: 20 }, (_, seed) => seed))(
    'is each record once, and as its own at one instance only (seed %s)',
    async (seed) => {
      const chance = seededChance(seed);
      const world = createLogWorld();
      world.bus.setFate(() => (chance() < 0.3 ? 'lose' : 'deliver'));
      /** Answers are lost now and then, whether the records landed or not. */
      const store: LogStore<Note> = {
        ...world.store,
        async append(...args) {
          if (chance() < 0.2) return UNKNOWN;
          const appended = await world.store.append(...args);
          return chance() < 0.3 ? UNKNOWN : appended;
        },
      };
      const instances = [1, 2].map((index) =>
        createInstance({ ...world, store, chance: seededChance(seed * 10 + index) }),
      );
      for (const { log } of instances) void followLog(log.follow(LOG_ID), null, patient());
      await world.clock.pass(10);
      const answers: Promise<unknown>[] = [];
      for (let turn = 0; turn < 40; turn += 1) {
        for (const { log } of instances) {
          const key = `c:${Math.floor(chance() * 30)}`;
          answers.push(log.append(LOG_ID, note(key, { key }), patient()));
        }
        await world.clock.pass(Math.floor(chance() * 300));
      }
      await Promise.all([world.clock.pass(60_000), ...answers]);
      const numbers = world.store.all(LOG_ID).map(({ number }) => number);
      expect(numbers.length).toBeGreaterThan(10);
      for (const { released } of instances) {
        expect(released.map(({ number }) => number).toSorted((a, b) => a - b)).toEqual(numbers);
      }
      const own = instances.flatMap((instance) => instance.own.map(({ number }) => number));
      expect(new Set(own).size).toBe(own.length);
    },
  );

  test('is no record that it only found, under the key of another call', async () => {
    const world = createLogWorld();
    const other = createInstance(world);
    void world.log.append(LOG_ID, note('a', { key: 'c:1' }), patient());
    await world.clock.pass(10);
    void other.log.append(LOG_ID, note('a', { key: 'c:1' }), patient());
    await world.clock.pass(10);
    expect([world.own.length, world.released.length]).toEqual([1, 1]);
    expect(other.released).toEqual([]);
  });

  test('is nothing again when its feed starts lower: behind an old primary, after an outcome was not known', async () => {
    const world = createLogWorld();
    const other = createInstance(world);
    let isStale = false;
    let isLost = false;
    const instance = withStore(world, {
      append: (...args) => (isLost ? Promise.resolve(UNKNOWN) : world.store.append(...args)),
      newest: async (...args) =>
        isStale ? (world.store.all(LOG_ID)[0] ?? null) : world.store.newest(...args),
    });
    for (const text of ['a', 'b', 'c']) void instance.log.append(LOG_ID, note(text), patient());
    await world.clock.pass(10);
    isLost = true;
    const refused = instance.log
      .append(LOG_ID, note('never'), world.clock.deadline(50))
      .catch(() => 'refused');
    await world.clock.pass(1000);
    expect(await refused).toBe('refused');
    isStale = true;
    void followLog(instance.log.follow(LOG_ID), null, patient());
    await world.clock.pass(10);
    isStale = false;
    void other.log.append(LOG_ID, note('d'), patient());
    await world.clock.pass(100);
    expect(instance.released.map(({ number }) => number)).toEqual([1, 2, 3, 4]);
  });

  test('is nothing again when its feed had it and has ended before the answer came', async () => {
    const world = createLogWorld();
    const other = createInstance(world);
    const instance = withStore(world, {
      async append(...args) {
        const appended = await world.store.append(...args);
        await sleep(world.clock, LOG_LIMITS.storeCallMs - 1);
        return appended;
      },
    });
    const source = instance.log.follow(LOG_ID);
    await world.clock.pass(1000);
    source.close();
    await world.clock.pass(LOG_LIMITS.feedIdleMs - 2000);
    const own = instance.log.append(LOG_ID, note('a'), patient());
    await world.clock.pass(10);
    // Tells that one is missing before it.
    void other.log.append(LOG_ID, note('b'), patient());
    await world.clock.pass(100);
    expect(instance.released.map(({ number }) => number)).toEqual([1, 2]);
    await world.clock.pass(2500);
    expect(instance.counts.get('feeds')).toBe(0);
    await world.clock.pass(2500);
    expect(await own).toMatchObject({ outcome: 'stored', record: { number: 1 } });
    expect(instance.released.map(({ number }) => number)).toEqual([1, 2]);
  });

  test('is what it stored itself, though the answer was lost', async () => {
    const world = createLogWorld();
    let lost = true;
    const instance = withStore(world, {
      async append(...args) {
        const appended = await world.store.append(...args);
        const answer = lost ? UNKNOWN : appended;
        lost = false;
        return answer;
      },
    });
    void instance.log.append(LOG_ID, note('a'), patient());
    await world.clock.pass(1000);
    expect(instance.own.map(({ number }) => number)).toEqual([1]);
    expect(instance.released).toHaveLength(1);
  });
});

describe('what an instance holds of a log', () => {
  test('is one feed however long nobody writes, and one for all who follow', async () => {
    const world = createLogWorld();
    const other = createInstance(world);
    const first = await join(world.log);
    await world.clock.pass(200_000);
    const second = await join(world.log);
    expect([world.bus.subscriptions(), world.counts.get('feeds')]).toEqual([1, 1]);
    void other.log.append(LOG_ID, note('a'), patient());
    await world.clock.pass(10);
    void world.log.append(LOG_ID, note('b'), patient());
    await world.clock.pass(10);
    expect([first.shown, second.shown]).toEqual([
      ['1', '2'],
      ['1', '2'],
    ]);
    expect(world.released.map(({ number }) => number)).toEqual([1, 2]);

    async function join(log: typeof world.log) {
      const joining = followLog(log.follow(LOG_ID), null, patient());
      await world.clock.pass(10);
      return joining;
    }
  });

  test('is one writer, also when an append takes minutes', async () => {
    const world = createLogWorld();
    let away = true;
    let [under, most] = [0, 0];
    const instance = withStore(world, {
      async append(...args) {
        most = Math.max(most, (under += 1));
        await new Promise<void>((resolve) => void world.clock.after(100, resolve));
        under -= 1;
        return away ? UNKNOWN : world.store.append(...args);
      },
    });
    const answers = [instance.log.append(LOG_ID, note('a'), patient())];
    await world.clock.pass(150_000);
    answers.push(instance.log.append(LOG_ID, note('b'), patient()));
    await world.clock.pass(10_000);
    away = false;
    await world.clock.pass(1000);
    expect(await Promise.all(answers)).toMatchObject([{ record: { number: 1 } }, { record: { number: 2 } }]);
    expect(most).toBe(1);
  });

  test('says where the log ends, by what was written here or heard, should the store tell less', async () => {
    const world = createLogWorld();
    const other = createInstance(world);
    let isStale = false;
    const instance = withStore(world, {
      newest: async (...args) =>
        isStale ? (world.store.all(LOG_ID)[0] ?? null) : world.store.newest(...args),
    });
    const newest = async () => (await instance.log.newest(LOG_ID, patient()))?.number;
    void instance.log.append(LOG_ID, note('a'), patient());
    void instance.log.append(LOG_ID, note('b'), patient());
    await world.clock.pass(10);
    isStale = true;
    expect(await newest()).toBe(2);
    isStale = false;
    void followLog(instance.log.follow(LOG_ID), null, patient());
    await world.clock.pass(10);
    void other.log.append(LOG_ID, note('c'), patient());
    await world.clock.pass(10);
    isStale = true;
    expect(await newest()).toBe(3);
    // As long as the feed lives, whatever the writer has forgotten.
    await world.clock.pass(200_000);
    expect(await newest()).toBe(3);
  });
});
