import { describe, expect, test } from 'vitest';
import { unavailable } from '../../../src/lib/coded-error.js';
import { encodeCursor } from '../../../src/log/cursor.js';
import { tagOf } from '../../../src/log/log-store.js';
import { followLog } from '../../testkit/log/follower.js';
import {
  createInstance,
  createLogWorld,
  LOG_ID,
  note,
  OTHER_LOG_ID,
  patient,
  withStore,
  type LogInstance,
  type Note,
} from '../../testkit/log/log-world.js';

type World = ReturnType<typeof createLogWorld>;

/** Follows from what comes next, once the feed is in force. */
async function join(world: World, log = world.log) {
  const joining = followLog(log.follow(LOG_ID), null, patient());
  await world.clock.pass(10);
  return joining;
}

/** Appends at an instance that nobody follows. */
async function send(world: World, sender: LogInstance, ...texts: string[]): Promise<void> {
  for (const text of texts) void sender.log.append(LOG_ID, note(text), patient());
  await world.clock.pass(5);
}

/** Two instances: the followers are at the first one, the sender at the other. */
function createPair(limits = {}) {
  const world = createLogWorld(limits);
  return { world, sender: createInstance(world) };
}

describe('a feed', () => {
  test('gives what is appended here and elsewhere, once and in order, and reports it once', async () => {
    const { world, sender } = createPair();
    const follower = await join(world);
    for (const [index, instance] of [world, sender, world, sender].entries()) {
      await send(world, instance, `text ${index}`);
    }
    expect(follower.shown).toEqual(['1', '2', '3', '4']);
    expect(world.released.map(({ number }) => number)).toEqual([1, 2, 3, 4]);
    expect(sender.released.map(({ number }) => number)).toEqual([2, 4]);
  });

  test('gives an own record in the turn in which it is acknowledged, without the bus', async () => {
    const world = createLogWorld();
    world.bus.setFate(() => 'lose');
    const follower = await join(world);
    await send(world, world, 'a');
    expect(follower.shown).toEqual(['1']);
  });

  test('tells its listeners in the turn of the release, and one that fails does not stop the others', async () => {
    const { world, sender } = createPair();
    await send(world, sender, 'before');
    const source = world.log.follow(LOG_ID);
    void source.begin(null, patient());
    await world.clock.pass(10);
    const heard: number[] = [];
    source.onAdvance(() => {
      throw new Error('a listener that fails');
    });
    source.onAdvance(() => {
      const read = source.read(1, { limit: 10, replayed: false, mayJump: false });
      heard.push('then' in read ? -1 : read.length);
    });
    const record = { ...note('a'), number: 2 };
    world.store.put(record);
    world.bus.inject(LOG_ID, { record, previousTag: tagOf(world.store.all(LOG_ID)[0]!) });
    expect(heard).toEqual([1]);
    expect(world.errors).toEqual(['feed: a listener failed']);
  });

  test('LOG-4: puts reordered events in order and drops repeated ones', async () => {
    const { world, sender } = createPair();
    const follower = await join(world);
    world.bus.setFate((event) => (event.record.number % 2 === 1 ? 'hold' : 'deliver'));
    await send(world, sender, 'a', 'b', 'c', 'd');
    expect(follower.shown).toEqual([]);
    world.bus.release();
    await world.clock.pass(5);
    expect(follower.shown).toEqual(['1', '2', '3', '4']);
    for (const event of world.bus.published) world.bus.inject(LOG_ID, event);
    await world.clock.pass(100);
    expect(follower.shown).toHaveLength(4);
    expect([...world.counts.keys()].filter((name) => name.startsWith('repair'))).toEqual([]);
  });

  test('reads what was lost in between from the store within 25 ms', async () => {
    const { world, sender } = createPair();
    const follower = await join(world);
    world.bus.setFate((event) => (event.record.number < 4 ? 'lose' : 'deliver'));
    await send(world, sender, 'a', 'b', 'c', 'd');
    await world.clock.pass(25);
    expect(follower.shown).toEqual(['1', '2', '3', '4']);
    expect(world.counts.get('gap missing')).toBe(1);
  });

  test('LOG-9: finds a record whose publish was lost and that nothing followed, within 5 s', async () => {
    const { world, sender } = createPair();
    const follower = await join(world);
    world.bus.setFate(() => 'lose');
    await send(world, sender, 'a');
    expect(follower.shown).toEqual([]);
    await world.clock.pass(5030);
    expect(follower.shown).toEqual(['1']);
    expect(world.counts.get('tail found')).toBe(1);
  });

  test('asks the store for nothing when what was missing comes by itself', async () => {
    const { world, sender } = createPair();
    const follower = await join(world);
    world.bus.setFate((event) => (event.record.number === 1 ? 'hold' : 'deliver'));
    await send(world, sender, 'a');
    await send(world, sender, 'b');
    world.bus.release();
    await world.clock.pass(100);
    expect(follower.shown).toEqual(['1', '2']);
    expect(world.counts.get('gap missing')).toBe(1);
    expect([...world.counts.keys()].filter((name) => name.startsWith('repair'))).toEqual([]);
  });

  test('LOG-9: a record that a tail check saw before its event came is none that was missing', async () => {
    const { world, sender } = createPair();
    const follower = await join(world);
    world.bus.setFate(() => 'hold');
    await send(world, sender, 'a');
    for (let ms = 0; world.counts.get('gap tail') === undefined && ms < 5000; ms += 1)
      await world.clock.pass(1);
    world.bus.release();
    await world.clock.pass(30);
    expect(follower.shown).toEqual(['1']);
    expect(world.counts.get('gap tail')).toBe(1);
    expect(world.counts.get('tail found')).toBeUndefined();
    expect(world.counts.get('repair found')).toBeUndefined();
  });

  test('checks all its logs with one read', async () => {
    const world = createLogWorld();
    const asked: number[] = [];
    const { log } = withStore(world, {
      get: (positions, ...rest) => {
        asked.push(positions.length);
        return world.store.get(positions, ...rest);
      },
    });
    for (let index = 0; index < 250; index += 1) {
      log.follow(`01890000-0000-7000-8000-${String(index).padStart(12, '0')}`);
    }
    await world.clock.pass(5010);
    expect(asked).toEqual([200, 50]);
  });

  test.each([
    ['of another log', { record: { logId: OTHER_LOG_ID } }],
    ['number 0', { record: { number: 0 } }],
    ['number -1', { record: { number: -1 } }],
    ['number 2^53', { record: { number: 2 ** 53 } }],
    ['half a number', { record: { number: 1.5 } }],
    ['no number', { record: { number: Number.NaN } }],
    ['far ahead', { record: { number: 100_000 } }],
    ['with another record before it', { previousTag: 12345 }],
    ['with no record before it', { previousTag: null }],
    ['with a tag that is none', { previousTag: -1 }],
    ['with a call that is none', { record: { call: 'poison' } }],
  ])(
    'drops an event %s, and goes on',
    async (_, poison: { record?: Partial<Note>; previousTag?: number | null }) => {
      const { world, sender } = createPair();
      const follower = await join(world);
      await send(world, sender, 'a');
      const [last] = world.store.all(LOG_ID);
      const record: Note = { ...note('poison'), number: 2, ...poison.record };
      const previousTag = poison.previousTag === undefined ? tagOf(last!) : poison.previousTag;
      world.bus.inject(LOG_ID, { record, previousTag });
      await send(world, sender, 'b');
      await world.clock.pass(100);
      expect(follower.got.map(({ record: { text } }) => text)).toEqual(['a', 'b']);
    },
  );

  test('a forged event that waits for others is forgotten after a look at the store', async () => {
    const { world } = createPair();
    await join(world);
    world.bus.inject(LOG_ID, { record: { ...note('poison'), number: 5 }, previousTag: 1 });
    await world.clock.pass(1000);
    expect(world.counts.get('repair nothing')).toBe(1);
  });

  test('an event more than 1,024 ahead is not kept', async () => {
    const { world } = createPair();
    await join(world);
    world.bus.inject(LOG_ID, { record: { ...note('poison'), number: 1026 }, previousTag: 1 });
    expect([world.counts.get('gap far'), world.counts.get('gap missing')]).toEqual([1, undefined]);
    await world.clock.pass(100);
    world.bus.inject(LOG_ID, { record: { ...note('poison'), number: 1025 }, previousTag: 1 });
    expect(world.counts.get('gap missing')).toBe(1);
  });

  test('forged events make it ask the store a bounded number of times', async () => {
    const { world } = createPair();
    await join(world);
    for (let index = 0; index < 10_000; index += 1) {
      const record: Note = { ...note('poison'), number: 1 + (index % 3000) };
      world.bus.inject(LOG_ID, { record, previousTag: index + 1 });
    }
    await world.clock.pass(100);
    expect(world.counts.get('repair nothing')).toBeLessThanOrEqual(10);
  });
});

describe('LOG-9: while the bus is away', () => {
  test('a new feed waits half a second for its subscription, then reads on its own', async () => {
    const { world, sender } = createPair();
    world.bus.setAnswering(false);
    const joining = followLog(world.log.follow(LOG_ID), null, patient());
    await world.clock.pass(499);
    world.bus.setFate(() => 'lose');
    await world.clock.pass(2);
    const follower = await joining;
    await send(world, sender, 'a');
    world.bus.setAnswering(true);
    await world.clock.pass(1);
    expect(follower.shown).toEqual(['1']);
    expect(world.counts.get('gap late')).toBe(1);
  });

  test('a new feed starts at once in polling mode', async () => {
    const { world } = createPair();
    world.bus.setMode('polling');
    world.bus.setAnswering(false);
    const joining = followLog(world.log.follow(LOG_ID), null, patient());
    await world.clock.pass(1);
    expect((await joining).shown).toEqual([]);
  });

  test('a subscription is in force within 0.4 s while the bus hangs and nobody has noticed', async () => {
    const { world } = createPair();
    world.bus.setAnswering(false);
    let joined = false;
    void followLog(world.log.follow(LOG_ID), null, patient()).then(() => (joined = true));
    await world.clock.pass(400);
    expect(joined).toBe(true);
  });

  test('polling finds records every half second; back in push mode everything is looked through at once', async () => {
    const { world, sender } = createPair();
    const follower = await join(world);
    world.bus.setFate(() => 'lose');
    world.bus.setMode('polling');
    await world.clock.pass(10);
    await send(world, sender, 'a');
    await world.clock.pass(501);
    expect(follower.shown).toEqual(['1']);
    await send(world, sender, 'b');
    world.bus.setMode('push');
    await world.clock.pass(30);
    expect(follower.shown).toEqual(['1', '2']);
  });
});

describe('while the store is away', () => {
  test('a feed starts when it is back, and nothing is thrown meanwhile', async () => {
    const world = createLogWorld();
    let away = true;
    const instance = withStore(world, {
      newest: (...args) => (away ? Promise.reject(unavailable()) : world.store.newest(...args)),
    });
    const source = instance.log.follow(LOG_ID);
    const refused = source.begin(null, world.clock.deadline(1000)).catch((error: unknown) => error);
    await world.clock.pass(1000);
    expect(await refused).toMatchObject({ code: 'UNAVAILABLE' });
    away = false;
    const position = source.begin(null, patient());
    await world.clock.pass(3000);
    expect(await position).toBe(0);
  });

  test('what the bus brings goes on, and what is missing comes when it is back', async () => {
    const world = createLogWorld();
    let away = false;
    const down = () => Promise.reject(unavailable());
    const instance = withStore(world, {
      range: (...args) => (away ? down() : world.store.range(...args)),
      get: (...args) => (away ? down() : world.store.get(...args)),
    });
    const follower = await join(world, instance.log);
    away = true;
    await send(world, world, 'a');
    world.bus.setFate((event) => (event.record.number === 2 ? 'lose' : 'deliver'));
    await send(world, world, 'b', 'c');
    await world.clock.pass(3000);
    expect(follower.shown).toEqual(['1']);
    expect(instance.counts.get('repair failed')).toBeGreaterThan(0);
    away = false;
    await world.clock.pass(3000);
    expect(follower.shown).toEqual(['1', '2', '3']);
  });
});

describe('a stored log', () => {
  test('with a hole made by hand is reported loudly, and never skipped', async () => {
    const { world, sender } = createPair();
    const follower = await join(world);
    await send(world, sender, 'a');
    world.bus.setFate(() => 'lose');
    await send(world, sender, 'b', 'c', 'd');
    world.store.remove(LOG_ID, 3);
    await world.clock.pass(6000);
    expect(follower.shown).toEqual(['1', '2']);
    expect(world.errors).toContain('the store lacks a record below the head of its log');
    expect(world.counts.get('gap hole')).toBeGreaterThan(0);
  });

  test('that begins above a feed which slept is followed from there, and the skip is told', async () => {
    const { world, sender } = createPair();
    const follower = await join(world);
    await send(world, sender, 'a');
    world.bus.setFate(() => 'lose');
    for (let index = 2; index <= 300; index += 1) world.store.put({ ...note(`${index}`), number: index });
    world.store.setFirst(LOG_ID, 298);
    for (let index = 1; index < 298; index += 1) world.store.remove(LOG_ID, index);
    await world.clock.pass(60_000);
    expect(follower.shown).toEqual(['1', '+296 298', '299', '300']);
    expect(world.errors).toEqual([]);
  });
});

describe('idle', () => {
  test('a feed ends 30 s after its last subscriber, with its subscription and every timer', async () => {
    const world = createLogWorld();
    const [one, other] = [await join(world), await join(world)];
    expect([world.bus.subscriptions(), world.counts.get('feeds')]).toEqual([1, 1]);
    one.close();
    await world.clock.pass(40_000);
    expect(world.counts.get('feeds')).toBe(1);
    other.close();
    other.close();
    await world.clock.pass(29_999);
    expect(world.counts.get('feeds')).toBe(1);
    await world.clock.pass(1);
    expect([world.bus.subscriptions(), world.counts.get('feeds')]).toEqual([0, 0]);
    await world.clock.pass(120_000);
    expect(world.clock.pending()).toBe(0);
  });

  test('who comes back in time finds the same feed', async () => {
    const { world, sender } = createPair();
    (await join(world)).close();
    await world.clock.pass(20_000);
    const follower = await join(world);
    await world.clock.pass(20_000);
    await send(world, sender, 'a');
    expect(follower.shown).toEqual(['1']);
    expect(world.counts.get('feeds')).toBe(1);
  });

  test('after the end nothing is left', async () => {
    const world = createLogWorld();
    await join(world);
    await send(world, world, 'a');
    const ended = world.log.stop(1000);
    await world.clock.pass(100_000);
    await ended;
    expect([world.bus.subscriptions(), world.counts.get('feeds'), world.clock.pending()]).toEqual([0, 0, 0]);
    expect(world.bus.modeListeners()).toBe(0);
  });

  test('reading what is kept costs no feed', async () => {
    const world = createLogWorld();
    await world.log.newest(LOG_ID, patient());
    await world.log.get([{ logId: LOG_ID, number: 1 }], patient());
    const cursor = encodeCursor(LOG_ID, { number: 0, tag: 0 });
    await world.log.page(LOG_ID, { take: 'first', count: 5, after: cursor, before: null }, patient());
    expect(world.counts.get('feeds')).toBeUndefined();
  });
});
