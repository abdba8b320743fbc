import { describe, expect, test } from 'vitest';
import { unavailable } from '../../../src/lib/coded-error.js';
import { encodeCursor } from '../../../src/log/cursor.js';
import { followLog } from '../../testkit/log/follower.js';
import {
  createInstance,
  createLogWorld,
  cursorAt,
  LOG_ID,
  note,
  OTHER_LOG_ID,
  patient,
  type LogWorld,
  withStore,
} from '../../testkit/log/log-world.js';

/** Stores records 1 to `count` as if they had always been there. */
function fill(world: LogWorld, count: number, from = 1): void {
  for (let number = from; number <= count; number += 1)
    world.store.put({ ...note(`text ${number}`), number });
}

async function follow(world: LogWorld, after: string | null, log = world.log) {
  const joining = followLog(log.follow(LOG_ID), after, patient());
  await world.clock.pass(10);
  return joining;
}

/** The code a start is refused with. */
async function refusal(world: LogWorld, after: string, log = world.log): Promise<unknown> {
  const source = log.follow(LOG_ID);
  const refused = source.begin(after, world.clock.deadline(5000)).then(
    () => 'begun',
    (error: unknown) => (error instanceof Error && 'code' in error ? error.code : error),
  );
  await world.clock.pass(6000);
  source.close();
  return refused;
}

describe('where a subscriber begins', () => {
  test('without a cursor: with the next record, by a read that started after the call', async () => {
    const world = createLogWorld();
    fill(world, 3);
    const follower = await follow(world, null);
    expect(follower.shown).toEqual([]);
    void world.log.append(LOG_ID, note('next'), patient());
    await world.clock.pass(10);
    expect(follower.shown).toEqual(['4']);
  });

  test('without a cursor, after a read of a primary that was replaced: not behind what this instance knows', async () => {
    const world = createLogWorld();
    let stale = false;
    const instance = withStore(world, {
      newest: async (...args) => (stale ? (world.store.all(LOG_ID)[0] ?? null) : world.store.newest(...args)),
    });
    for (const text of ['a', 'b', 'c']) void instance.log.append(LOG_ID, note(text), patient());
    await world.clock.pass(10);
    stale = true;
    const position = instance.log.follow(LOG_ID).begin(null, patient());
    await world.clock.pass(10);
    expect(await position).toBe(3);
  });

  test('after the start of a log: with its first record', async () => {
    const world = createLogWorld();
    fill(world, 3);
    const follower = await follow(world, cursorAt(world, 0));
    expect(follower.shown).toEqual(['1r', '2r', '3r']);
    void world.log.append(LOG_ID, note('live'), patient());
    await world.clock.pass(10);
    expect(follower.shown).toEqual(['1r', '2r', '3r', '4']);
  });

  test('after the start of an empty log: with its first record', async () => {
    const world = createLogWorld();
    const follower = await follow(world, cursorAt(world, 0));
    void world.log.append(LOG_ID, note('first'), patient());
    await world.clock.pass(10);
    expect(follower.shown).toEqual(['1']);
  });

  test('after a record: with the one behind it', async () => {
    const world = createLogWorld();
    fill(world, 5);
    expect((await follow(world, cursorAt(world, 3))).shown).toEqual(['4r', '5r']);
    expect(world.counts.get('resumed exact')).toBe(1);
    expect(world.counts.get('missed')).toBe(2);
  });

  test('after a record that is in memory: without a read of the store', async () => {
    const world = createLogWorld();
    let reads = 0;
    const instance = withStore(world, {
      get: (...args) => {
        reads += 1;
        return world.store.get(...args);
      },
    });
    await follow(world, null, instance.log);
    for (const text of ['a', 'b', 'c']) void instance.log.append(LOG_ID, note(text), patient());
    await world.clock.pass(10);
    const follower = await follow(world, cursorAt(world, 1), instance.log);
    expect(follower.shown).toEqual(['2r', '3r']);
    expect(reads).toBe(0);
  });

  test('CURSOR-3: one ahead of this instance makes that look, though nobody has told it of anything', async () => {
    const world = createLogWorld();
    const early = await follow(world, null);
    fill(world, 1);
    const follower = await follow(world, cursorAt(world, 1));
    expect([early.shown, follower.shown]).toEqual([['1'], []]);
    expect(world.counts.get('missed')).toBe(0);
  });

  test('CURSOR-3: ahead of this instance works', async () => {
    const world = createLogWorld();
    const other = createInstance(world);
    const early = await follow(world, null);
    world.bus.setFate(() => 'lose');
    for (const text of ['a', 'b', 'c']) void other.log.append(LOG_ID, note(text), patient());
    await world.clock.pass(10);
    expect(early.shown).toEqual([]);
    const follower = await follow(world, cursorAt(world, 2));
    expect(follower.got.map(({ record }) => record.number)).toEqual([3]);
    expect(early.shown).toEqual(['1', '2', '3']);
  });

  test('CURSOR-4: ahead of the log is BAD_CURSOR, after a read that excludes a replaced primary', async () => {
    const world = createLogWorld();
    fill(world, 3);
    const levels: string[] = [];
    const instance = withStore(world, {
      get: (positions, level, signal) => {
        levels.push(level);
        return world.store.get(positions, level, signal);
      },
    });
    const ahead = encodeCursor(LOG_ID, { number: 4, tag: 1 });
    expect(await refusal(world, ahead, instance.log)).toBe('BAD_CURSOR');
    expect(levels).toContain('linearizable');
    expect(instance.counts.get('resume bad_cursor')).toBe(1);
  });

  test('CURSOR-3: a record that only a replaced primary does not show is found', async () => {
    const world = createLogWorld();
    fill(world, 3);
    const instance = withStore(world, {
      get: (positions, level, signal) =>
        level === 'majority' ? Promise.resolve([]) : world.store.get(positions, level, signal),
      newest: (...args) => world.store.newest(...args),
    });
    expect((await follow(world, cursorAt(world, 2), instance.log)).shown).toEqual(['3r']);
  });

  test.each([
    ['malformed', 'no cursor'],
    ['of another log', encodeCursor(OTHER_LOG_ID, { number: 1, tag: 1 })],
  ])('CURSOR-4: %s is BAD_CURSOR', async (_, cursor) => {
    const world = createLogWorld();
    fill(world, 3);
    expect(await refusal(world, cursor)).toBe('BAD_CURSOR');
  });

  test.each([1, 2, 3])('CURSOR-4: of a rewritten history (%i of 3) is CURSOR_EXPIRED', async (number) => {
    const world = createLogWorld();
    fill(world, 3);
    const cursor = cursorAt(world, number);
    fill(world, 3);
    expect(await refusal(world, cursor)).toBe('CURSOR_EXPIRED');
    expect(world.counts.get('resume expired')).toBe(1);
  });

  test('CURSOR-4: of a rewritten history is CURSOR_EXPIRED when the record is in memory, too', async () => {
    const world = createLogWorld();
    await follow(world, null);
    void world.log.append(LOG_ID, note('a'), patient());
    await world.clock.pass(10);
    expect(await refusal(world, encodeCursor(LOG_ID, { number: 1, tag: 7 }))).toBe('CURSOR_EXPIRED');
  });

  test('below where the log begins is CURSOR_EXPIRED, whether the record is still there or not', async () => {
    const world = createLogWorld();
    fill(world, 9);
    const [gone, there] = [cursorAt(world, 2), cursorAt(world, 5)];
    world.store.setFirst(LOG_ID, 7);
    for (const number of [1, 2, 3]) world.store.remove(LOG_ID, number);
    expect([await refusal(world, gone), await refusal(world, there)]).toEqual([
      'CURSOR_EXPIRED',
      'CURSOR_EXPIRED',
    ]);
    expect((await follow(world, cursorAt(world, 7))).shown).toEqual(['8r', '9r']);
  });

  test('of a log whose beginning rose since the feed looked is CURSOR_EXPIRED, not BAD_CURSOR', async () => {
    const world = createLogWorld();
    fill(world, 9);
    await follow(world, null);
    const cursor = cursorAt(world, 2);
    world.store.setFirst(LOG_ID, 7);
    for (let number = 1; number < 7; number += 1) world.store.remove(LOG_ID, number);
    expect(await refusal(world, cursor)).toBe('CURSOR_EXPIRED');
  });

  test('with a store that does not answer is UNAVAILABLE, never BAD_CURSOR', async () => {
    const world = createLogWorld();
    fill(world, 3);
    const instance = withStore(world, { get: () => Promise.reject(unavailable()) });
    expect(await refusal(world, cursorAt(world, 2), instance.log)).toBe('UNAVAILABLE');
    const silent = withStore(world, { newest: () => new Promise(() => undefined) });
    expect(await refusal(world, cursorAt(world, 0), silent.log)).toBe('UNAVAILABLE');
  });
});

describe('LOG-8: a subscriber that missed too much', () => {
  test('gets the last ones and how many were left out', async () => {
    const world = createLogWorld({ maxReplayed: 10 });
    fill(world, 50);
    const follower = await follow(world, cursorAt(world, 5));
    expect(follower.shown.slice(0, 2)).toEqual(['+35 41r', '42r']);
    expect(follower.got).toHaveLength(10);
    expect(world.counts.get('resumed skipped')).toBe(1);
    expect(world.counts.get('missed')).toBe(45);
  });

  test('misses nothing at exactly the limit', async () => {
    const world = createLogWorld({ maxReplayed: 10 });
    fill(world, 50);
    expect((await follow(world, cursorAt(world, 40))).shown[0]).toBe('41r');
  });

  test('jumps again only when it may: after a stall', async () => {
    const world = createLogWorld({ maxReplayed: 10, maxRingRecords: 5 });
    const follower = await follow(world, null);
    follower.stall(true);
    for (let index = 1; index <= 30; index += 1) {
      void world.log.append(LOG_ID, note(`${index}`), patient());
      await world.clock.pass(2);
    }
    follower.stall(false);
    await world.clock.pass(10);
    expect(follower.shown).toEqual(['+20 21', ...Array.from({ length: 9 }, (_, index) => `${22 + index}`)]);
  });

  test('does not jump when it may not', async () => {
    const world = createLogWorld({ maxReplayed: 10 });
    fill(world, 50);
    const source = world.log.follow(LOG_ID);
    const begun = source.begin(cursorAt(world, 5), patient());
    await world.clock.pass(10);
    const events = await source.read(await begun, { limit: 5, replayed: true, mayJump: false });
    expect(events.map(({ position }) => position)).toEqual([6, 7, 8, 9, 10]);
  });

  test('is told an exact count though the log grows while it reads', async () => {
    const world = createLogWorld({ maxReplayed: 10, maxRingRecords: 5 });
    fill(world, 50);
    const instance = withStore(world, {
      range: async (...args) => {
        await new Promise<void>((resolve) => void world.clock.after(20, resolve));
        return world.store.range(...args);
      },
    });
    const joining = followLog(instance.log.follow(LOG_ID), cursorAt(world, 5), patient());
    for (let index = 0; index < 20; index += 1) {
      void instance.log.append(LOG_ID, note(`more ${index}`), patient());
      await world.clock.pass(10);
    }
    const follower = await joining;
    const numbers = follower.got.map(({ record, skippedCount }) => [record.number, skippedCount]);
    const [first] = numbers;
    expect(first?.[1]).toBe((first?.[0] ?? 0) - 6);
    expect(numbers.map(([number]) => number)).toEqual(numbers.map((_, index) => (first?.[0] ?? 0) + index));
    expect(numbers.at(-1)?.[0]).toBe(70);
  });

  test('whose next records were dropped by retention goes on where the log begins', async () => {
    const world = createLogWorld({ maxRingRecords: 2, repairPageRecords: 5 });
    fill(world, 40);
    const source = world.log.follow(LOG_ID);
    const begun = source.begin(cursorAt(world, 3), patient());
    await world.clock.pass(10);
    world.store.setFirst(LOG_ID, 31);
    for (let number = 1; number < 31; number += 1) world.store.remove(LOG_ID, number);
    const events = await source.read(await begun, { limit: 5, replayed: true, mayJump: false });
    expect(events[0]?.event).toMatchObject({ record: { number: 31 }, skippedCount: 27 });
  });
});

describe('reading', () => {
  test('answers in the same turn from memory', async () => {
    const world = createLogWorld();
    const source = world.log.follow(LOG_ID);
    const begun = source.begin(null, patient());
    await world.clock.pass(10);
    expect(source.read(await begun, { limit: 10, replayed: false, mayJump: true })).toEqual([]);
    void world.log.append(LOG_ID, note('a'), patient());
    await world.clock.pass(10);
    const read = source.read(0, { limit: 10, replayed: false, mayJump: false });
    expect(read).toMatchObject([
      { position: 1, event: { record: { text: 'a' }, skippedCount: 0, replayed: false } },
    ]);
  });

  test('memory holds as many records as fit, and the newest whatever its size', async () => {
    const world = createLogWorld({ maxRingBytes: 250 });
    const asked: number[] = [];
    const instance = withStore(world, {
      get: (positions, ...rest) => {
        asked.push(...positions.map(({ number }) => number));
        return world.store.get(positions, ...rest);
      },
    });
    await follow(world, null, instance.log);
    for (const text of ['a', 'b', 'c', 'd']) void instance.log.append(LOG_ID, note(text), patient());
    await world.clock.pass(10);
    await instance.log.get(
      [1, 2, 3, 4].map((number) => ({ logId: LOG_ID, number })),
      patient(),
    );
    // 100 bytes each: two of them fit.
    expect(asked).toEqual([1, 2]);
  });

  test.each([4, 1000])(
    'from any place, with %s records in memory: exactly what follows',
    async (maxRingRecords) => {
      const world = createLogWorld({ maxRingRecords, maxReplayed: 10 });
      const first = await follow(world, null);
      for (let number = 1; number <= 25; number += 1) {
        void world.log.append(LOG_ID, note(`${number}`), patient());
      }
      await world.clock.pass(100);
      expect(first.shown).toHaveLength(25);
      const source = world.log.follow(LOG_ID);
      for (let position = 0; position <= 26; position += 1) {
        for (const mayJump of [true, false]) {
          for (const limit of [1, 3, 100]) {
            const reading = Promise.resolve(source.read(position, { limit, replayed: false, mayJump }));
            await world.clock.pass(1);
            const from = mayJump ? Math.max(position + 1, 16) : position + 1;
            const numbers = Array.from(
              { length: Math.max(0, Math.min(limit, 26 - from)) },
              (_, at) => from + at,
            );
            const got = (await reading).map(({ event }) => [event.record.number, event.skippedCount]);
            expect(got).toEqual(numbers.map((number, at) => [number, at === 0 ? number - position - 1 : 0]));
          }
        }
      }
    },
  );

  test('gives at most as many as were asked for', async () => {
    const world = createLogWorld();
    fill(world, 20);
    const source = world.log.follow(LOG_ID);
    const begun = source.begin(cursorAt(world, 0), patient());
    await world.clock.pass(10);
    const read = await source.read(await begun, { limit: 7, replayed: true, mayJump: true });
    expect(read.map(({ position }) => position)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  test('equal events have equal identities, others do not', async () => {
    const world = createLogWorld();
    const source = world.log.follow(LOG_ID);
    const begun = source.begin(null, patient());
    await world.clock.pass(10);
    await begun;
    for (const text of ['a', 'b', 'c']) void world.log.append(LOG_ID, note(text), patient());
    await world.clock.pass(10);
    const identity = async (position: number, replayed: boolean): Promise<string | undefined> =>
      (await source.read(position, { limit: 1, replayed, mayJump: false }))[0]?.identity;
    expect(await identity(1, false)).toBe(await identity(1, false));
    const different = [await identity(1, false), await identity(1, true), await identity(2, false)];
    expect(new Set(different).size).toBe(3);
  });

  test('LOG-7: a stalled subscriber costs no memory here and gets everything from the store', async () => {
    const world = createLogWorld({ maxRingRecords: 8, maxReplayed: 1000 });
    const follower = await follow(world, null);
    follower.stall(true);
    for (let index = 1; index <= 100; index += 1) void world.log.append(LOG_ID, note(`${index}`), patient());
    await world.clock.pass(100);
    follower.stall(false);
    await world.clock.pass(10);
    expect(follower.got.map(({ record }) => record.number)).toEqual(
      Array.from({ length: 100 }, (_, i) => i + 1),
    );
  });

  test('of what the store cannot give now is UNAVAILABLE, and works later', async () => {
    const world = createLogWorld();
    fill(world, 20);
    let away = false;
    const instance = withStore(world, {
      range: (...args) => (away ? Promise.reject(unavailable()) : world.store.range(...args)),
    });
    const source = instance.log.follow(LOG_ID);
    const begun = source.begin(cursorAt(world, 0), patient());
    await world.clock.pass(10);
    const position = await begun;
    away = true;
    const options = { limit: 5, replayed: true, mayJump: true };
    await expect(Promise.resolve(source.read(position, options))).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    });
    away = false;
    expect(await source.read(position, options)).toHaveLength(5);
  });

  test('equal reads that are under way are one read of the store', async () => {
    const world = createLogWorld();
    fill(world, 20);
    let reads = 0;
    const instance = withStore(world, {
      range: (...args) => {
        reads += 1;
        return world.store.range(...args);
      },
    });
    const followers = [1, 2, 3].map(() => instance.log.follow(LOG_ID));
    const begun = followers.map((source) => source.begin(cursorAt(world, 0), patient()));
    await world.clock.pass(10);
    await Promise.all(begun);
    reads = 0;
    const options = { limit: 5, replayed: true, mayJump: true };
    await Promise.all(followers.map(async (source) => source.read(0, options)));
    expect(reads).toBe(1);
  });

  test('after it was given back finds nothing, and it cannot be begun again', async () => {
    const world = createLogWorld();
    const source = world.log.follow(LOG_ID);
    const begun = source.begin(null, patient());
    await world.clock.pass(10);
    const position = await begun;
    let heard = 0;
    source.onAdvance(() => (heard += 1));
    source.close();
    void world.log.append(LOG_ID, note('a'), patient());
    await world.clock.pass(10);
    expect([heard, source.read(position, { limit: 1, replayed: false, mayJump: false })]).toEqual([0, []]);
    await expect(source.begin(null, patient())).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  test('given back twice counts once: others who follow its log go on', async () => {
    const world = createLogWorld();
    const source = world.log.follow(LOG_ID);
    const other = await follow(world, null);
    source.close();
    source.close();
    await world.clock.pass(60_000);
    void world.log.append(LOG_ID, note('a'), patient());
    await world.clock.pass(10);
    expect(other.shown).toEqual(['1']);
  });

  test('who ended its listening hears nothing more', async () => {
    const world = createLogWorld();
    const source = world.log.follow(LOG_ID);
    let heard = 0;
    const end = source.onAdvance(() => (heard += 1));
    await world.clock.pass(10);
    heard = 0;
    end();
    void world.log.append(LOG_ID, note('a'), patient());
    await world.clock.pass(10);
    expect(heard).toBe(0);
  });

  test('of records that are all gone finds nothing, and reports no hole', async () => {
    const world = createLogWorld({ maxRingRecords: 2 });
    fill(world, 40);
    const source = world.log.follow(LOG_ID);
    const begun = source.begin(cursorAt(world, 3), patient());
    await world.clock.pass(10);
    world.store.setFirst(LOG_ID, 41);
    for (let number = 1; number <= 40; number += 1) world.store.remove(LOG_ID, number);
    expect(await source.read(await begun, { limit: 5, replayed: true, mayJump: false })).toEqual([]);
    expect(world.errors).toEqual([]);
  });
});

describe('a resume is counted', () => {
  test('by whether something was left out, with how many were missed; without a cursor there is none', async () => {
    const world = createLogWorld({ maxReplayed: 10 });
    fill(world, 50);
    await follow(world, null);
    expect(world.counts.get('missed')).toBeUndefined();
    for (const [after, result, missed] of [
      [50, 'exact', 0],
      [40, 'exact', 10],
      [39, 'skipped', 11],
    ] as const) {
      const before = world.counts.get(`resumed ${result}`) ?? 0;
      await follow(world, cursorAt(world, after));
      expect(world.counts.get('missed')).toBe(missed);
      expect(world.counts.get(`resumed ${result}`)).toBe(before + 1);
    }
  });

  test('as refused by what its cursor is, and not at all where the store gave no answer', async () => {
    const world = createLogWorld();
    fill(world, 3);
    world.store.setFirst(LOG_ID, 3);
    const silent = withStore(world, { get: () => Promise.reject(unavailable()) });
    expect(await refusal(world, encodeCursor(LOG_ID, { number: 3, tag: 1 }), silent.log)).toBe('UNAVAILABLE');
    expect([...silent.counts.keys()].filter((name) => name.startsWith('resume'))).toEqual([]);
    expect(await refusal(world, cursorAt(world, 1))).toBe('CURSOR_EXPIRED');
    expect(await refusal(world, 'nonsense')).toBe('BAD_CURSOR');
    expect([world.counts.get('resume expired'), world.counts.get('resume bad_cursor')]).toEqual([1, 1]);
  });
});
