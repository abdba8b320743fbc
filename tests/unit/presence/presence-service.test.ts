import { describe, expect, it } from 'vitest';
import { createPresenceService } from '../../../src/presence/presence-service.js';
import { FIRST_HEAL_MS, ONLINE_MS } from '../../../src/presence/presence-store.js';
import { sleep } from '../../../src/lib/clock.js';
import { systemIds } from '../../../src/lib/ids.js';
import { silentLogger } from '../../../src/lib/logger.js';
import { createWorld, WINDOW_MS } from './world.js';

type World = ReturnType<typeof createWorld>;
type Service = ReturnType<World['start']>;

const SOON_MS = 100;

async function started(options: { windowMs?: number } = {}): Promise<{ world: World; presence: Service }> {
  const world = createWorld(options);
  const presence = world.start();
  await world.clock.advance(SOON_MS);
  return { world, presence };
}

/** Counts as the service gives them, while the clock stands still. */
async function countsOf(presence: Service, roomId = 'r') {
  const counts = (await presence.counts([roomId])).get(roomId)!;
  return [counts.recentVisitorCount, counts.onlineCount];
}

/** A visit, with the time that it takes. */
async function visit({ clock }: World, presence: Service): Promise<void> {
  const visited = presence.visit('r', 'v');
  await clock.advance(1);
  await visited;
}

/** From now on each room takes so long to read. */
function readSlowly({ rooms: { store }, clock }: World, ms: number): void {
  const { activities } = store;
  store.activities = async function* (since, signal) {
    for await (const rooms of activities(since, signal)) {
      for (const room of rooms) {
        await sleep(clock, ms);
        signal.throwIfAborted();
        yield [room];
      }
    }
  };
}

describe('presence', () => {
  it('counts a visitor with many sockets once, until the last one is gone', async () => {
    const { world, presence } = await started();
    const leaves = Array.from({ length: 50 }, () => presence.join('r', 'v'));
    await world.clock.advance(SOON_MS);
    expect(await countsOf(presence)).toEqual([1, 1]);
    for (const leave of leaves.slice(1)) leave();
    await world.clock.advance(5000);
    expect(await countsOf(presence)).toEqual([1, 1]);
    leaves[0]!();
    leaves[0]!();
    await world.clock.advance(5000);
    expect(await countsOf(presence)).toEqual([1, 0]);
  });

  it('counts somebody who stays for as long as it stays, and a window longer', async () => {
    const { world, presence } = await started();
    const leave = presence.join('r', 'v');
    await world.clock.advance(WINDOW_MS * 2);
    expect(await countsOf(presence)).toEqual([1, 1]);
    leave();
    await world.clock.advance(WINDOW_MS - 1);
    expect(await countsOf(presence)).toEqual([1, 0]);
    await world.clock.advance(1);
    expect(await countsOf(presence)).toEqual([0, 0]);
  });

  it('works with a window of a second', async () => {
    const { world, presence } = await started({ windowMs: 1000 });
    const leave = presence.join('r', 'v');
    for (let step = 0; step < 40; step += 1) {
      await world.clock.advance(97);
      expect(await countsOf(presence)).toEqual([1, 1]);
    }
    leave();
    await world.clock.advance(999);
    expect((await countsOf(presence))[0]).toBe(1);
    await world.clock.advance(1);
    expect(await countsOf(presence)).toEqual([0, 0]);
  });

  it('RANK-3: has who is online right within 5 seconds of a join, and of a leave', async () => {
    const { world, presence } = await started();
    for (let phase = 0; phase < 3000; phase += 170) {
      await world.clock.advance(phase);
      const leave = presence.join('r', `v${phase}`);
      await world.clock.advance(5000);
      expect((await countsOf(presence))[1]).toBe(1);
      leave();
      await world.clock.advance(5000);
      expect((await countsOf(presence))[1]).toBe(0);
    }
  });

  it('does not flicker when a subscription is opened, closed and opened again', async () => {
    const { world, presence } = await started();
    presence.join('r', 'v');
    await world.clock.advance(SOON_MS);
    const leave = presence.join('r', 'w');
    await world.clock.advance(SOON_MS);
    leave();
    for (let step = 0; step < 8; step += 1) {
      await world.clock.advance(SOON_MS);
      expect(await countsOf(presence)).toEqual([2, 2]);
    }
    presence.join('r', 'w');
    await world.clock.advance(10_000);
    expect(await countsOf(presence)).toEqual([2, 2]);
  });

  it('shows a visit at once', async () => {
    const { world, presence } = await started();
    await visit(world, presence);
    expect(await countsOf(presence)).toEqual([1, 0]);
  });

  it('batches what happens in one turn', async () => {
    const { world, presence } = await started();
    const before = world.state.calls;
    for (let visitor = 0; visitor < 200; visitor += 1) presence.join('r', `v${visitor}`);
    await world.clock.advance(1);
    expect(world.state.calls - before).toBe(1);
    expect(await countsOf(presence)).toEqual([200, 200]);
  });

  it('spreads the renewals of those who stay over the whole round', async () => {
    const world = createWorld();
    let turn = 0;
    const presence = createPresenceService({
      store: world.store,
      journal: { record: () => Promise.resolve(), recent: async function* () {} },
      rooms: world.rooms.store,
      messages: world.messages.store,
      clock: world.clock,
      ids: systemIds,
      chance: () => ((turn += 1) % 30) / 30,
      log: silentLogger,
      windowMs: WINDOW_MS,
    });
    for (let visitor = 0; visitor < 3000; visitor += 1) presence.join('r', `v${visitor}`);
    await world.clock.advance(SOON_MS);
    const perSecond = [];
    for (let second = 0; second < 60; second += 1) {
      const before = world.state.touches;
      await world.clock.advance(1000);
      perSecond.push(world.state.touches - before);
    }
    expect(Math.max(...perSecond)).toBeLessThanOrEqual(200);
    expect(perSecond.reduce((sum, one) => sum + one)).toBeGreaterThanOrEqual(5900);
  });

  it('lets go of everybody at once when it stops', async () => {
    const { world, presence } = await started();
    presence.join('r', 'v');
    await world.clock.advance(SOON_MS);
    await presence.stop();
    const other = world.start();
    await world.clock.advance(1);
    expect(await countsOf(other)).toEqual([1, 0]);
  });
});

describe('presence, while the store is slow', () => {
  /** Below what a command may take. */
  const ANSWER_MS = 400;

  it('stops within three seconds, however many are here', async () => {
    const { world, presence } = await started();
    for (let visitor = 0; visitor < 10_000; visitor += 1) presence.join('r', `v${visitor}`);
    await world.clock.advance(SOON_MS);
    const { touch } = world.store;
    world.store.touch = async (...args) => {
      await sleep(world.clock, ANSWER_MS);
      return touch(...args);
    };
    let stopped = false;
    void presence.stop().then(() => (stopped = true));
    await world.clock.advance(3000);
    expect(stopped).toBe(true);
  });
});

describe('presence, while the store is away', () => {
  it('gives the last known counts, and zeros for a room it never counted', async () => {
    const { world, presence } = await started();
    presence.join('r', 'v');
    await world.clock.advance(SOON_MS);
    expect(await countsOf(presence)).toEqual([1, 1]);
    world.state.away = true;
    expect(await countsOf(presence)).toEqual([1, 1]);
    expect(await countsOf(presence, 'other')).toEqual([0, 0]);
  });

  it('gives what was known last, by a read or by the ranking', async () => {
    const { world, presence } = await started();
    await visit(world, presence);
    expect(await countsOf(presence)).toEqual([1, 0]);
    world.state.away = true;
    const readAt = world.clock.monotonic();
    world.lastKnown.set('r', { recentVisitorCount: 7, onlineCount: 5, at: readAt - 1000 });
    expect(await countsOf(presence)).toEqual([1, 0]);
    world.lastKnown.set('r', { recentVisitorCount: 8, onlineCount: 6, at: readAt + 1000 });
    expect((await countsOf(presence)).slice(0, 2)).toEqual([8, 6]);
  });

  it('lets visits and new rooms succeed, and tells them later', async () => {
    const { world, presence } = await started();
    world.state.away = true;
    let done = 0;
    const waited = [presence.visit('r', 'v'), presence.roomCreated('r', new Date(world.clock.now()))];
    for (const one of waited) void one.then(() => (done += 1));
    await world.clock.advance(600);
    expect(done).toBe(2);
    await world.clock.advance(60_000);
    world.state.away = false;
    await world.clock.advance(5000);
    expect(await countsOf(presence)).toEqual([1, 0]);
    await world.clock.advance(WINDOW_MS - 66_000);
    expect(await countsOf(presence)).toEqual([1, 0]);
    await world.clock.advance(1000);
    expect(await countsOf(presence)).toEqual([0, 0]);
  });

  it('loses no last leave', async () => {
    const { world, presence } = await started();
    const leave = presence.join('r', 'v');
    await world.clock.advance(SOON_MS);
    world.state.away = true;
    leave();
    await world.clock.advance(20_000);
    world.state.away = false;
    await world.clock.advance(5000);
    expect(await countsOf(presence)).toEqual([1, 0]);
  });

  it('starts, and counts once the store is there', async () => {
    const world = createWorld();
    world.state.away = true;
    const presence = world.start();
    presence.join('r', 'v');
    await world.clock.advance(ONLINE_MS);
    expect(await countsOf(presence)).toEqual([0, 0]);
    world.state.away = false;
    await world.clock.advance(5000);
    expect(await countsOf(presence)).toEqual([1, 1]);
  });
});

describe('presence, while the store is away for long', () => {
  /** Above what is kept for a store that is away. */
  const VISITS = 60_000;
  const KEPT = 50_000;

  it('keeps a bounded number of visits, and all who are here; the rest comes back from the journal', async () => {
    const { world, presence } = await started();
    presence.join('r', 'here');
    // The next healing is a minute away.
    await world.clock.advance(FIRST_HEAL_MS + 2000);
    world.state.away = true;
    await visit(world, presence);
    await world.clock.advance(1000);
    const tell = presence.join('r', 'joined during');
    for (let visitor = 0; visitor < VISITS; visitor += 1) void presence.visit('r', `gone${visitor}`);
    world.state.touches = 0;
    world.state.away = false;
    await world.clock.advance(5000);
    expect(world.state.touches).toBeLessThanOrEqual(KEPT + 2);
    expect((await countsOf(presence))[1]).toBe(2);
    await world.clock.advance(61_000);
    expect(await countsOf(presence)).toEqual([VISITS + 3, 2]);
    tell();
  });
});

describe('presence, after its process stood still', () => {
  it('RANK-3: has the connected right within 5 seconds, at whatever moment of a round it was', async () => {
    for (let second = 0; second < 32; second += 3) {
      const { world, presence } = await started();
      presence.join('r', 'v');
      await world.clock.advance(second * 1000);
      world.clock.freeze(ONLINE_MS);
      await world.clock.advance(5000);
      expect([second, ...(await countsOf(presence))]).toEqual([second, 1, 1]);
    }
  });

  it('has them right as well when the clock of its machine stood, too', async () => {
    const world = createWorld();
    let sleptMs = 0;
    const presence = world.start({ sleptMs: () => sleptMs });
    presence.join('r', 'v');
    await world.clock.advance(20_000);
    sleptMs = ONLINE_MS;
    world.clock.freeze(sleptMs);
    await world.clock.advance(5000);
    expect(await countsOf(presence)).toEqual([1, 1]);
  });
});

describe('presence, while its process comes late again and again', () => {
  it.each([
    { why: 'stands still for ten seconds of twelve', stoodMs: 10_000, ranMs: 2000 },
    { why: 'is so busy that each timer comes seconds late', stoodMs: 2500, ranMs: 500 },
  ])('RANK-3: keeps the connected online when it $why', async ({ stoodMs, ranMs }) => {
    const { world, presence } = await started();
    presence.join('r', 'v');
    for (let passedMs = 0; passedMs < 4 * ONLINE_MS; passedMs += ranMs + stoodMs) {
      await world.clock.advance(ranMs);
      world.clock.freeze(stoodMs);
      expect([passedMs, ...(await countsOf(presence))]).toEqual([passedMs, 1, 1]);
    }
  });
});

describe('presence, after the store forgot', () => {
  it('has the connected right within 5 seconds and the departed within 10', async () => {
    const { world, presence } = await started();
    const leave = presence.join('r', 'departed');
    presence.join('r', 'connected');
    await world.clock.advance(SOON_MS);
    leave();
    await world.clock.advance(60_000);
    world.forget();
    await world.clock.advance(5000);
    expect((await countsOf(presence))[1]).toBe(1);
    await world.clock.advance(5000);
    expect(await countsOf(presence)).toEqual([2, 1]);
    await world.clock.advance(WINDOW_MS - 70_000);
    expect(await countsOf(presence)).toEqual([1, 1]);
  });

  it('RANK-3: so it has them when it comes back to a store that missed what another one was told', async () => {
    const { world, presence } = await started();
    const leave = presence.join('r', 'departed');
    presence.join('r', 'connected');
    await world.clock.advance(20_000);
    const goBack = world.replace();
    await world.clock.advance(5000);
    leave();
    await visit(world, presence);
    await world.clock.advance(2000);
    goBack();
    await world.clock.advance(10_000);
    expect(await countsOf(presence)).toEqual([3, 1]);
  });

  it('has who visited in the last moment before it right within 10 seconds', async () => {
    for (let phase = 0; phase < 1000; phase += 90) {
      const { world, presence } = await started();
      await world.clock.advance(phase);
      await visit(world, presence);
      world.forget();
      await world.clock.advance(10_000);
      expect((await world.store.counts(['r'])).loaded).toBe(true);
      expect([phase, ...(await countsOf(presence))]).toEqual([phase, 1, 0]);
    }
  });

  it('has who visited while the journal was away, however late that is written', async () => {
    const { world, presence } = await started();
    world.journalState.readOnly = true;
    await visit(world, presence);
    await world.clock.advance(600_000);
    world.forget();
    await world.clock.advance(10_000);
    expect(await countsOf(presence)).toEqual([0, 0]);
    world.journalState.readOnly = false;
    await world.clock.advance(5000);
    expect(await countsOf(presence)).toEqual([1, 0]);
    await world.clock.advance(WINDOW_MS - 615_002);
    expect(await countsOf(presence)).toEqual([1, 0]);
    await world.clock.advance(1);
    expect(await countsOf(presence)).toEqual([0, 0]);
  });

  it('still knows that somebody is here whose visit of before was written late', async () => {
    const { world, presence } = await started();
    world.journalState.readOnly = true;
    await visit(world, presence);
    await world.clock.advance(600_000);
    world.journalState.readOnly = false;
    // Joins while what it did before is being written.
    const record = world.journal.record;
    let isHere = false;
    world.journal.record = async (...args) => {
      if (!isHere) {
        isHere = true;
        world.state.away = true;
        presence.join('r', 'v');
      }
      await record(...args);
    };
    await world.clock.advance(1500);
    world.state.away = false;
    await world.clock.advance(1500);
    expect(isHere).toBe(true);
    expect(await countsOf(presence)).toEqual([1, 1]);
  });

  it('RANK-2: counts who has left for exactly the window, however long the rooms take to read', async () => {
    const { world, presence } = await started();
    for (const id of 'abcde') world.rooms.add(id, new Date(world.clock.now()));
    await visit(world, presence);
    await world.clock.advance(599_999);
    readSlowly(world, 4000);
    world.forget();
    await world.clock.advance(30_000);
    expect((await world.store.counts(['r'])).loaded).toBe(true);
    expect(await countsOf(presence)).toEqual([1, 0]);
    await world.clock.advance(WINDOW_MS - 630_001);
    expect(await countsOf(presence)).toEqual([1, 0]);
    await world.clock.advance(1);
    expect(await countsOf(presence)).toEqual([0, 0]);
  });

  it('keeps counts and rooms over a restart of everything', async () => {
    const { world, presence } = await started();
    world.rooms.add('r', new Date(world.clock.now()));
    await visit(world, presence);
    presence.activity('r', 5, new Date(world.clock.now()), true);
    await presence.stop();
    world.forget();
    const again = world.start();
    await world.clock.advance(SOON_MS);
    expect(await countsOf(again)).toEqual([1, 0]);
    expect((await world.store.counts(['r'])).rooms.get('r')?.messageCount).toBe(5);
  });

  it('knows the newest message of a room whose record lags behind its log', async () => {
    const world = createWorld();
    world.rooms.add('lagging', new Date(world.clock.now() - 60_000), 3);
    world.rooms.add('exact', new Date(world.clock.now() - 60_000), 3);
    world.rooms.add('empty', new Date(world.clock.now() - 60_000));
    world.messages.newest.set('lagging', 400).set('exact', 3);
    world.start();
    await world.clock.advance(2000);
    const { rooms } = await world.store.counts(['lagging', 'exact', 'empty']);
    expect([...rooms.values()].map((room) => room.messageCount)).toEqual([400, 3, 0]);
    expect(world.rooms.get('lagging')?.head).toBe(400);
  });

  it('is filled by another instance when the one that should is cut off from the journal', async () => {
    const world = createWorld();
    const cutOff = world.start({ isCutOff: true });
    const other = world.start();
    await world.clock.advance(11_000);
    expect((await world.store.counts(['r'])).loaded).toBe(true);
    await visit(world, other);
    await visit(world, cutOff);
    await world.clock.advance(2000);
    for (let round = 0; round < 3; round += 1) {
      world.forget();
      await world.clock.advance(11_000);
      expect((await world.store.counts(['r'])).loaded).toBe(true);
      expect([await countsOf(cutOff), await countsOf(other)]).toEqual([
        [1, 0],
        [1, 0],
      ]);
    }
  });

  it('is filled although a store is stuck once: who fills it gives up after 5 seconds and begins again', async () => {
    const { world, presence } = await started();
    await visit(world, presence);
    await world.clock.advance(SOON_MS);
    world.journalState.stuck = true;
    world.forget();
    await world.clock.advance(4000);
    world.journalState.stuck = false;
    expect((await world.store.counts(['r'])).loaded).toBe(false);
    await world.clock.advance(8000);
    expect((await world.store.counts(['r'])).loaded).toBe(true);
    expect(await countsOf(presence)).toEqual([1, 0]);
  });

  it('is filled however many steps that takes, if each of them is done in time', async () => {
    const { world, presence } = await started();
    await visit(world, presence);
    for (let room = 0; room < 100; room += 1) world.rooms.add(`room${room}`, new Date(world.clock.now()));
    readSlowly(world, 1000);
    world.forget();
    await world.clock.advance(110_000);
    expect((await world.store.counts(['r'])).loaded).toBe(true);
    expect(await countsOf(presence)).toEqual([1, 0]);
  });

  it('shows the last known counts until it is filled again', async () => {
    const { world, presence } = await started();
    await visit(world, presence);
    expect(await countsOf(presence)).toEqual([1, 0]);
    world.forget();
    expect(await countsOf(presence)).toEqual([1, 0]);
  });
});

describe('latest activity', () => {
  it('reaches the presence store in batches and the rooms once a second, the newest of each room', async () => {
    const { world, presence } = await started();
    world.rooms.add('r', new Date(world.clock.now()));
    const before = world.state.calls;
    for (let number = 1; number <= 500; number += 1) {
      presence.activity('r', number, new Date(world.clock.now() + number), true);
    }
    await world.clock.advance(30);
    expect(world.state.calls - before).toBe(1);
    await world.clock.advance(1000);
    expect(world.rooms.calls.raise).toBe(1);
    expect(world.rooms.get('r')).toMatchObject({ head: 500 });
  });

  it('is healed each minute for a room that the store was never told of', async () => {
    const { world } = await started();
    await world.clock.advance(30_000);
    world.rooms.add('lost', new Date(world.clock.now()), 3);
    // Made by an instance whose clock is slow.
    world.rooms.add('slow', new Date(world.clock.now() - 1_800_000), 4);
    await world.clock.advance(61_000);
    const { rooms } = await world.store.counts(['lost', 'slow']);
    expect(['lost', 'slow'].map((id) => rooms.get(id)?.messageCount)).toEqual([3, 4]);
  });

  it("is by the store's clock, however wrong the wall clock of the instance that accepts a message is", async () => {
    const hour = 3_600_000;
    const world = createWorld();
    const at = (aheadMs: number) => new Date(world.clock.now() + aheadMs);
    for (const id of ['slow', 'right', 'fast', 'last']) world.rooms.add(id, at(0));
    const instances = [-hour, 0, hour].map((aheadMs) => ({ aheadMs, presence: world.start({ aheadMs }) }));
    await world.clock.advance(2000);
    const expected: string[] = [];
    for (const [room, turn] of [
      ['fast', 2],
      ['slow', 0],
      ['right', 1],
      ['last', 0],
    ] as const) {
      const { aheadMs, presence } = instances[turn]!;
      presence.activity(room, 1, at(aheadMs), true);
      // Another instance hears of the message and of the time that it bears.
      instances[1]!.presence.activity(room, 1, at(aheadMs), turn === 1);
      expected.unshift(room);
      await world.clock.advance(2000);
    }
    await instances[0]!.presence.roomCreated('new', at(-hour));
    expected.unshift('new');
    // Healing reads what the clock that is ahead has written.
    await world.clock.advance(61_000);
    const { epoch, revision } = await world.store.tick('', 0);
    const { taken } = await world.store.tick(epoch, revision);
    expect(taken?.rooms.map(({ roomId }) => roomId)).toEqual(expected);
  });

  it('is told at once when nothing was told just before', async () => {
    const { world, presence } = await started();
    presence.activity('r', 1, new Date(world.clock.now()), true);
    await world.clock.advance(1);
    expect((await world.store.counts(['r'])).rooms.get('r')?.messageCount).toBe(1);
  });

  it.each([
    ['is visited', (world: World, presence: Service) => visit(world, presence)],
    [
      'is listed at the top',
      async (world: World) => {
        await Promise.resolve();
        world.listed.push('r');
      },
    ],
  ])('is healed each minute, after a crash, for an old room that %s', async (_, make) => {
    const { world, presence } = await started();
    world.rooms.add('r', new Date(world.clock.now() - 3_600_000), 3);
    presence.activity('r', 3, new Date(world.clock.now()), true);
    await make(world, presence);
    // Acknowledged by an instance that died before it told anybody.
    world.messages.newest.set('r', 4);
    await world.clock.advance(62_000);
    expect((await world.store.counts(['r'])).rooms.get('r')?.messageCount).toBe(4);
    expect(world.rooms.get('r')?.head).toBe(4);
  });
});
