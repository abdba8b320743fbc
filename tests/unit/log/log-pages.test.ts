import { describe, expect, test } from 'vitest';
import { unavailable } from '../../../src/lib/coded-error.js';
import { decodeCursor, encodeCursor } from '../../../src/log/cursor.js';
import type { LogRange } from '../../../src/log/log.js';
import {
  createLogWorld,
  cursorAt,
  LOG_ID,
  note,
  OTHER_LOG_ID,
  patient,
  type LogWorld,
  withStore,
} from '../../testkit/log/log-world.js';

function fill(world: LogWorld, from: number, through: number): void {
  for (let number = from; number <= through; number += 1) world.store.put({ ...note(`${number}`), number });
}

const newestPage = (count: number): LogRange => ({ take: 'last', count, after: null, before: null });

async function read(world: LogWorld, range: LogRange, log = world.log) {
  const page = log.page(LOG_ID, range, world.clock.deadline(5000));
  const outcome = page.then(
    (value) => value,
    (error: unknown) => error,
  );
  await world.clock.pass(6000);
  const value = await outcome;
  if (value instanceof Error) throw value;
  return page;
}

describe('a page', () => {
  test.each([
    ['of an empty log', 1, 0],
    ['of one record', 1, 1],
    ['of a log that begins at 1', 1, 6],
    ['of a log that begins above 1', 4, 9],
  ])('%s is what a list of its records would give, whatever the range', async (_, first, head) => {
    const world = createLogWorld();
    fill(world, first, head);
    world.store.setFirst(LOG_ID, first);
    const kept = world.store.all(LOG_ID).map(({ number }) => number);
    const places = [null, 0, ...kept];
    for (const take of ['first', 'last'] as const) {
      for (const count of [1, 2, 5, 100]) {
        for (const after of places) {
          for (const before of places) {
            const range = {
              take,
              count,
              after: after === null ? null : cursorAt(world, after),
              before: before === null ? null : cursorAt(world, before),
            };
            const page = await world.log.page(LOG_ID, range, patient());
            const within = kept.filter((n) => n > (after ?? 0) && n < (before ?? Number.POSITIVE_INFINITY));
            const expected = take === 'first' ? within.slice(0, count) : within.slice(-count);
            const start = expected[0] ?? Math.max(after ?? 0, first - 1) + 1;
            const end = expected.at(-1) ?? (before === null ? head : before - 1);
            expect({
              range: { take, count, after, before },
              ...page,
              records: page.records.map((r) => r.number),
            }).toEqual({
              range: { take, count, after, before },
              records: expected,
              hasPrevious: kept.some((n) => n < start),
              hasNext: kept.some((n) => n > end),
              total: kept.length,
              resumeCursor: cursorAt(world, head),
            });
          }
        }
      }
    }
  });

  test('never ends before what this instance has acknowledged, whatever a replaced primary says', async () => {
    const world = createLogWorld();
    let stale = false;
    const instance = withStore(world, {
      newest: async (...args) => (stale ? (world.store.all(LOG_ID)[0] ?? null) : world.store.newest(...args)),
    });
    for (const text of ['a', 'b', 'c']) void instance.log.append(LOG_ID, note(text), patient());
    await world.clock.pass(10);
    stale = true;
    const page = await read(world, newestPage(5), instance.log);
    expect(page.records.map(({ number }) => number)).toEqual([1, 2, 3]);
    expect(decodeCursor(LOG_ID, page.resumeCursor).number).toBe(3);
    expect((await instance.log.newest(LOG_ID, patient()))?.number).toBe(3);
  });

  test('never ends before what this instance has acknowledged, though it may not number from there any more', async () => {
    const world = createLogWorld();
    let isReplaced = false;
    const instance = withStore(world, {
      append: (batch, session, signal) =>
        isReplaced
          ? Promise.resolve({ outcome: 'unknown', landed: 0, cause: unavailable() })
          : world.store.append(batch, session, signal),
      newest: async (...args) =>
        isReplaced ? (world.store.all(LOG_ID)[0] ?? null) : world.store.newest(...args),
    });
    for (const text of ['a', 'b', 'c']) void instance.log.append(LOG_ID, note(text), patient());
    await world.clock.pass(10);
    isReplaced = true;
    const refused = instance.log.append(LOG_ID, note('never'), world.clock.deadline(50)).catch(() => null);
    await world.clock.pass(1000);
    expect(await refused).toBeNull();
    const page = await read(world, newestPage(5), instance.log);
    expect(page.records.map(({ number }) => number)).toEqual([1, 2, 3]);
    expect((await instance.log.newest(LOG_ID, patient()))?.number).toBe(3);
  });

  test('that a replaced primary gives short is filled by reads that exclude it', async () => {
    const world = createLogWorld();
    fill(world, 1, 20);
    const instance = withStore(world, {
      range: async (...args) => (await world.store.range(...args)).filter(({ number }) => number < 17),
    });
    const page = await read(world, newestPage(10), instance.log);
    expect(page.records.map(({ number }) => number)).toEqual(
      Array.from({ length: 10 }, (_, index) => 11 + index),
    );
    expect(instance.errors).toEqual([]);
  });

  test('with a hole made by hand is refused, and the hole reported loudly', async () => {
    const world = createLogWorld();
    fill(world, 1, 20);
    world.store.remove(LOG_ID, 15);
    await expect(read(world, newestPage(10))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(world.errors).toEqual(['the store lacks a record below the head of its log']);
    expect(world.counts.get('gap hole')).toBe(1);
    expect((await read(world, newestPage(5))).records).toHaveLength(5);
  });

  test('that retention overtakes begins where the log begins now, and is full as far as that allows', async () => {
    const world = createLogWorld();
    fill(world, 1, 20);
    let asked = false;
    const instance = withStore(world, {
      range: (...args) => {
        if (!asked) {
          asked = true;
          world.store.setFirst(LOG_ID, 8);
          for (let number = 1; number < 8; number += 1) world.store.remove(LOG_ID, number);
        }
        return world.store.range(...args);
      },
    });
    const range: LogRange = { take: 'first', count: 5, after: null, before: null };
    const page = await read(world, range, instance.log);
    expect(page).toMatchObject({ hasPrevious: false, hasNext: true, total: 13 });
    expect(page.records.map(({ number }) => number)).toEqual([8, 9, 10, 11, 12]);
  });

  test('that retention overtakes again and again is refused', async () => {
    const world = createLogWorld();
    fill(world, 1, 100);
    let first = 1;
    const instance = withStore(world, {
      range: (...args) => {
        world.store.remove(LOG_ID, first);
        first += 1;
        world.store.setFirst(LOG_ID, first);
        return world.store.range(...args);
      },
    });
    const range: LogRange = { take: 'first', count: 5, after: null, before: null };
    const refused = instance.log.page(LOG_ID, range, patient()).catch((error: unknown) => error);
    for (let turn = 0; turn < 20; turn += 1) await world.clock.pass(1);
    expect(await refused).toMatchObject({ code: 'UNAVAILABLE' });
    expect([instance.errors, first]).toEqual([[], 6]);
  });

  test('comes from memory where the feed has it', async () => {
    const world = createLogWorld();
    let reads = 0;
    const instance = withStore(world, {
      range: (...args) => {
        reads += 1;
        return world.store.range(...args);
      },
    });
    const source = instance.log.follow(LOG_ID);
    void source.begin(null, patient());
    await world.clock.pass(10);
    for (const text of ['a', 'b', 'c']) void instance.log.append(LOG_ID, note(text), patient());
    await world.clock.pass(10);
    reads = 0;
    const page = await instance.log.page(LOG_ID, newestPage(3), patient());
    expect(page.records.map(({ text }) => text)).toEqual(['a', 'b', 'c']);
    expect(reads).toBe(0);
  });
});

describe('CURSOR-4: a cursor of a page', () => {
  const ranges = (cursor: string): LogRange[] => [
    { take: 'first', count: 5, after: cursor, before: null },
    { take: 'last', count: 5, after: null, before: cursor },
  ];

  test.each([
    ['that is none', () => 'cursor', 'BAD_CURSOR'],
    ['of another log', () => encodeCursor(OTHER_LOG_ID, { number: 1, tag: 1 }), 'BAD_CURSOR'],
    ['ahead of the log', () => encodeCursor(LOG_ID, { number: 10, tag: 1 }), 'BAD_CURSOR'],
    ['of a rewritten history', () => encodeCursor(LOG_ID, { number: 5, tag: 1 }), 'CURSOR_EXPIRED'],
  ])('%s is refused', async (_, cursor, code) => {
    const world = createLogWorld();
    fill(world, 1, 9);
    for (const range of ranges(cursor())) await expect(read(world, range)).rejects.toMatchObject({ code });
  });

  test('below where the log begins means where it begins', async () => {
    const world = createLogWorld();
    fill(world, 1, 9);
    const [after, before] = ranges(cursorAt(world, 2));
    world.store.setFirst(LOG_ID, 5);
    for (let number = 1; number < 5; number += 1) world.store.remove(LOG_ID, number);
    expect((await read(world, after!)).records.map(({ number }) => number)).toEqual([5, 6, 7, 8, 9]);
    expect(await read(world, before!)).toMatchObject({ records: [], hasPrevious: false, hasNext: true });
  });

  test('ahead of what a replaced primary shows proves a newer head', async () => {
    const world = createLogWorld();
    fill(world, 1, 9);
    const instance = withStore(world, { newest: async () => world.store.all(LOG_ID)[5] ?? null });
    const page = await read(world, ranges(cursorAt(world, 8))[0]!, instance.log);
    expect(page).toMatchObject({ records: [], hasPrevious: true, hasNext: false, total: 8 });
    expect(page.resumeCursor).toBe(cursorAt(world, 8));
  });

  test('with a store that does not answer is UNAVAILABLE', async () => {
    const world = createLogWorld();
    fill(world, 1, 9);
    const instance = withStore(world, { get: () => Promise.reject(unavailable()) });
    const [after] = ranges(cursorAt(world, 3));
    await expect(read(world, after!, instance.log)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    const silent = withStore(world, { newest: () => new Promise(() => undefined) });
    await expect(read(world, newestPage(3), silent.log)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });
});

describe('records by position', () => {
  test('come in any number, those that do not exist are left out', async () => {
    const world = createLogWorld();
    fill(world, 1, 450);
    const positions = Array.from({ length: 460 }, (_, index) => ({ logId: LOG_ID, number: index + 1 }));
    const records = await world.log.get(positions, patient());
    expect(records.map(({ number }) => number)).toEqual(Array.from({ length: 450 }, (_, index) => index + 1));
  });

  test('the newest of an empty log is null', async () => {
    const world = createLogWorld();
    expect(await world.log.newest(LOG_ID, patient())).toBeNull();
  });
});
