import { describe, expect, it } from 'vitest';
import { systemIds } from '../../../src/lib/ids.js';
import { silentLogger } from '../../../src/lib/logger.js';
import { createMemoryPresenceStore } from '../../../src/presence/presence-store.memory.js';
import type { PresenceStore } from '../../../src/presence/presence-store.js';
import { createMemoryPubSub } from '../../../src/pubsub/pubsub.memory.js';
import type { RankingChange, Standing } from '../../../src/ranking/rank.js';
import {
  createRankingService,
  type RankingPage,
  type RankingService,
} from '../../../src/ranking/ranking-service.js';
import type { Delivery, Followed } from '../../../src/lib/followed.js';
import type { RoomStore } from '../../../src/rooms/room-store.js';
import { createManualClock } from '../../testkit/manual-clock.js';
import { breakable, createRooms, endless, INTERVAL_MS, WINDOW_MS } from '../presence/world.js';

const soon = (): AbortSignal => AbortSignal.timeout(20_000);
const INSTANCE = 'i';
const READ = { limit: 10, replayed: false, mayJump: true };

/** `total` rooms, room0000 the oldest, and as many instances of the ranking on one store as are asked for. */
async function createWorld({ total = 0, loaded = true } = {}) {
  const clock = createManualClock();
  const rooms = createRooms();
  const inner = createMemoryPresenceStore({
    clock,
    ids: systemIds,
    windowMs: WINDOW_MS,
    intervalMs: INTERVAL_MS,
  });
  const { store, state } = breakable(inner);
  const pubsub = createMemoryPubSub({ log: silentLogger });
  const ids = Array.from({ length: total }, (_, index) => `room${String(index).padStart(4, '0')}`);
  for (const [index, id] of ids.entries()) rooms.add(id, new Date(clock.now() - (total - index) * 1000));
  if (loaded) {
    const { epoch, now } = await inner.beat(INSTANCE);
    await inner.raise(
      ids.map((roomId) => ({ roomId, number: 0, at: rooms.get(roomId)!.createdAt.getTime() })),
    );
    await inner.fulfilled(INSTANCE, epoch, 'load', now);
  }
  const start = (own: PresenceStore = store, ownRooms: RoomStore = rooms.store): RankingService =>
    createRankingService({
      store: own,
      rooms: ownRooms,
      pubsub,
      clock,
      chance: () => 0.5,
      log: silentLogger,
      intervalMs: INTERVAL_MS,
    });
  const ranking = start();
  await clock.advance(100);
  return {
    clock,
    rooms,
    ids,
    store: inner,
    state,
    start,
    ranking,
    visit: (roomId: string, visitorId: string) =>
      inner.touch(INSTANCE, [{ kind: 'visit', roomId, visitorId, at: clock.now() }]),
    /** Lets the next snapshots be taken. */
    tick: () => clock.advance(INTERVAL_MS * 2),
  };
}

const idsOf = (page: RankingPage): string[] => page.entries.map(({ standing }) => standing.roomId);

/** All pages from a cursor on. */
async function readOn(ranking: RankingService, first: number, from: RankingPage | null) {
  const pages = from === null ? [await ranking.page(first, null, soon())] : [from];
  while (pages.at(-1)!.hasNextPage) {
    pages.push(await ranking.page(first, pages.at(-1)!.entries.at(-1)!.cursor, soon()));
  }
  return pages;
}

describe('a page of the ranking', () => {
  it('is empty when there is no room', async () => {
    const { ranking } = await createWorld();
    const page = await ranking.page(20, null, soon());
    expect(page).toMatchObject({ entries: [], hasNextPage: false, hasPreviousPage: false, totalCount: 0 });
    expect(page.resumeCursor).not.toBe('');
  });

  it('touches no store when it is the first one', async () => {
    const { ranking, rooms, state } = await createWorld({ total: 150 });
    const before = state.calls;
    const page = await ranking.page(50, null, soon());
    expect(idsOf(page)).toHaveLength(50);
    expect(page).toMatchObject({ hasNextPage: true, hasPreviousPage: false, totalCount: 150 });
    expect(state.calls).toBe(before);
    expect(rooms.calls.older).toBe(0);
  });

  it('says exactly whether more follows', async () => {
    const { ranking } = await createWorld({ total: 40 });
    const first = await ranking.page(20, null, soon());
    const second = await ranking.page(20, first.entries.at(-1)!.cursor, soon());
    expect([first.hasNextPage, second.hasNextPage]).toEqual([true, false]);
    expect([first.hasPreviousPage, second.hasPreviousPage]).toEqual([false, true]);
    const behind = await ranking.page(20, second.entries.at(-1)!.cursor, soon());
    expect(behind).toMatchObject({ entries: [], hasNextPage: false, hasPreviousPage: true });
  });

  it('shows each of 2,500 rooms exactly once while the order changes, below the pinned ones too', async () => {
    const { ranking, clock, ids, visit } = await createWorld({ total: 2500 });
    const seen: string[] = [];
    let page = await ranking.page(100, null, soon());
    for (let turn = 0; ; turn += 1) {
      seen.push(...idsOf(page));
      if (!page.hasNextPage) break;
      for (let move = 0; move < 10; move += 1) {
        await visit(ids[(turn * 997 + move * 131) % 2500]!, `v${turn}`);
      }
      await clock.advance(INTERVAL_MS);
      page = await ranking.page(100, page.entries.at(-1)!.cursor, soon());
    }
    expect(seen).toHaveLength(2500);
    expect(new Set(seen)).toEqual(new Set(ids));
  });

  it('goes on below the pinned rooms by creation, newest first', async () => {
    const { ranking, ids, visit, tick } = await createWorld({ total: 1100 });
    await visit('room0000', 'v');
    await tick();
    const pages = await readOn(ranking, 100, null);
    // The oldest one was lifted into the pinned part, so the last of that part was pushed out.
    const expected = ['room0000', ...ids.toReversed().filter((id) => id !== 'room0000')];
    expect(pages.flatMap(idsOf)).toEqual(expected);
    expect(pages.map((page) => page.hasNextPage).filter((next) => !next)).toHaveLength(1);
  });

  it('keeps its order but shows the rooms as they are now', async () => {
    const { ranking, visit, tick } = await createWorld({ total: 30 });
    const first = await ranking.page(10, null, soon());
    await visit('room0015', 'v');
    await tick();
    const second = await ranking.page(10, first.entries.at(-1)!.cursor, soon());
    expect(idsOf(second)[4]).toBe('room0015');
    expect(second.entries[4]!.standing.recentVisitorCount).toBe(1);
    expect(idsOf(await ranking.page(1, null, soon()))).toEqual(['room0015']);
  });

  it('counts rooms below the pinned ones by one call, and shows them without numbers while the store is away', async () => {
    const { ranking, visit, state } = await createWorld({ total: 1020 });
    const pinned = await readOn(ranking, 100, null).then((pages) => pages[9]!);
    await visit('room0005', 'v');
    const cursor = pinned.entries.at(-1)!.cursor;
    const before = state.calls;
    const page = await ranking.page(100, cursor, soon());
    expect(state.calls - before).toBe(1);
    const find = ({ entries }: RankingPage): Standing =>
      entries.find(({ standing }) => standing.roomId === 'room0005')!.standing;
    expect(find(page)).toMatchObject({ recentVisitorCount: 1, messageCount: 0 });
    state.away = true;
    expect(find(await ranking.page(100, cursor, soon()))).toMatchObject({ messageCount: null });
  });

  it('refuses cursors that are not of this list, and those of an order that is gone', async () => {
    const { ranking } = await createWorld({ total: 30 });
    const { resumeCursor, entries } = await ranking.page(10, null, soon());
    const refused = (after: string) => ranking.page(10, after, soon());
    await expect(refused('no cursor')).rejects.toMatchObject({ code: 'BAD_CURSOR' });
    await expect(refused(resumeCursor)).rejects.toMatchObject({ code: 'BAD_CURSOR' });
    const [version, kind, epoch, revision] = Buffer.from(entries[0]!.cursor, 'base64url')
      .toString()
      .split(' ');
    const forge = (...parts: unknown[]) => Buffer.from(parts.join(' ')).toString('base64url');
    await expect(refused(forge(version, kind, epoch, revision, 30))).rejects.toMatchObject({
      code: 'BAD_CURSOR',
    });
    await expect(refused(forge(version, kind, epoch, 99, 1))).rejects.toMatchObject({
      code: 'CURSOR_EXPIRED',
    });
    await expect(refused(forge(version, kind, 'gone', 1, 1))).rejects.toMatchObject({
      code: 'CURSOR_EXPIRED',
    });
  });

  it('is served from the durable store, without visitors, when the presence store was never there', async () => {
    const world = await createWorld({ total: 30, loaded: false });
    world.state.away = true;
    const ranking = world.start();
    await world.clock.advance(1100);
    const page = await ranking.page(10, null, soon());
    expect(idsOf(page)).toEqual(world.ids.toReversed().slice(0, 10));
    expect(page).toMatchObject({ hasNextPage: true, totalCount: 30 });
  });

  it('stops at once while the rooms are being listed', async () => {
    const { store, rooms, clock, start } = await createWorld();
    const ranking = start(
      { ...store, tick: () => Promise.reject(new Error('away')) },
      { ...rooms.store, activities: (_, signal) => endless(signal) },
    );
    await clock.advance(1100);
    let isOver = false;
    void ranking.stop().then(() => (isOver = true));
    await clock.advance(0);
    expect(isOver).toBe(true);
  });

  it('RANK-4: gives a cursor to continue from that belongs to its own order, though the list moves that very moment', async () => {
    for (let hops = 0; hops < 16; hops += 1) {
      const world = await createWorld({ total: 30 });
      let release = (): void => undefined;
      const held = new Promise<void>((resolve) => (release = resolve));
      const ranking = world.start({
        ...world.store,
        async snapshot(epoch, revision) {
          if (revision > 1) await held;
          return world.store.snapshot(epoch, revision);
        },
      });
      await world.clock.advance(100);
      await world.visit('room0003', 'v');
      await world.tick();
      // The next snapshot is taken over a few promises from now: somewhere within the page.
      release();
      for (let hop = 0; hop < hops; hop += 1) await Promise.resolve();
      const page = await ranking.page(10, null, soon());
      const source = ranking.follow(10);
      const one = subscriber(source, await source.begin(page.resumeCursor, soon()));
      one.take(page);
      await world.clock.advance(1);
      await one.read();
      expect(one.list()[0]).toMatchObject({ roomId: 'room0003', recentVisitorCount: 1 });
    }
  });

  it('answers UNAVAILABLE for an order that only the store knows, while that is away', async () => {
    const { ranking, start, state, clock, visit, tick } = await createWorld({ total: 5 });
    const [first] = (await ranking.page(2, null, soon())).entries;
    await visit('room0000', 'v');
    await tick();
    const elsewhere = start();
    await clock.advance(100);
    state.away = true;
    await expect(elsewhere.page(2, first!.cursor, soon())).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    state.away = false;
    expect(idsOf(await elsewhere.page(2, first!.cursor, soon()))).toHaveLength(2);
  });

  it('answers UNAVAILABLE when there is nothing to show in time', async () => {
    const { ranking } = await createWorld({ total: 3, loaded: false });
    await expect(ranking.page(10, null, AbortSignal.timeout(20))).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    });
  });
});

/** A subscriber that applies events as the contract says. */
function subscriber(source: Followed<string, RankingChange>, position: string) {
  const held = new Map<string, Standing>();
  let order: readonly string[] = [];
  let cursor = '';
  const events: Delivery<string, RankingChange>[] = [];
  return {
    events,
    list: () => order.map((roomId) => held.get(roomId)!),
    cursor: () => cursor,
    take(page: RankingPage) {
      for (const { standing } of page.entries) held.set(standing.roomId, standing);
      order = idsOf(page);
    },
    async read() {
      for (const delivery of await source.read(position, READ)) {
        const { event } = delivery;
        events.push(delivery);
        if (event.complete) held.clear();
        for (const standing of event.standings) held.set(standing.roomId, standing);
        order = event.order ?? order;
        position = delivery.position;
        cursor = event.cursor;
      }
    },
  };
}

describe('changes of the ranking', () => {
  it('begin with the whole list at once', async () => {
    const { ranking, ids } = await createWorld({ total: 30 });
    const source = ranking.follow(5);
    const read = source.read(await source.begin(null, soon()), READ);
    expect(read).toMatchObject([{ event: { complete: true, order: ids.toReversed().slice(0, 5) } }]);
  });

  it('applied one by one, or folded, always give what a fresh page shows', async () => {
    const { ranking, ids, visit, tick } = await createWorld({ total: 60 });
    const source = ranking.follow(20);
    const steady = subscriber(source, await source.begin(null, soon()));
    const start = await ranking.page(20, null, soon());
    const lazy = subscriber(source, await source.begin(start.resumeCursor, soon()));
    lazy.take(start);
    const lists: { lazy: Standing[]; fresh: Standing[] }[] = [];
    await steady.read();
    for (let turn = 1; turn <= 40; turn += 1) {
      for (let move = 0; move < 7; move += 1) await visit(ids[(turn * 37 + move * 11) % 60]!, `v${turn % 3}`);
      await tick();
      await steady.read();
      if (turn % 9 === 0 || turn === 40) await lazy.read();
      const { entries } = await ranking.page(20, null, soon());
      const fresh = entries.map(({ standing }) => standing);
      expect(steady.list()).toEqual(fresh);
      lists.push({ lazy: turn % 9 === 0 || turn === 40 ? lazy.list() : fresh, fresh });
    }
    for (const list of lists) expect(list.lazy).toEqual(list.fresh);
    expect(lazy.events.every(({ event }) => !event.complete)).toBe(true);
    expect(lazy.events.length).toBeLessThan(steady.events.length);
  });

  it('say nothing while the watched part is unchanged, and stay continuable however long that lasts', async () => {
    const { ranking, store, clock, visit, tick } = await createWorld({ total: 30 });
    await visit('room0003', 'v');
    await visit('room0003', 'w');
    await tick();
    const source = ranking.follow(1);
    const one = subscriber(source, await source.begin(null, soon()));
    await one.read();
    for (let turn = 0; turn < 400; turn += 1) {
      await visit('room0004', 'v');
      await visit(`room00${String(turn % 20).padStart(2, '0')}`, 'x');
      await tick();
      await one.read();
      if (turn % 20 === 3) break;
    }
    const before = one.events.length;
    // More snapshots than this instance, and the store, have of before.
    for (let turn = 1; turn <= 200; turn += 1) {
      await store.raise([{ roomId: 'room0010', number: turn, at: clock.now() }]);
      await tick();
      await one.read();
    }
    expect(one.events).toHaveLength(before);
    await visit('room0003', 'y');
    await tick();
    await one.read();
    expect(one.events.slice(before)).toMatchObject([{ event: { complete: false, order: null } }]);
  });

  it('are worked out once and shared by all who stand at the same place', async () => {
    const { ranking, visit, tick } = await createWorld({ total: 30 });
    const [a, b] = [ranking.follow(10), ranking.follow(10)];
    const position = await a.begin((await ranking.page(10, null, soon())).resumeCursor, soon());
    await visit('room0003', 'v');
    await tick();
    const [[one], [other]] = [await a.read(position, READ), await b.read(position, READ)];
    expect(one).toBeDefined();
    expect(other!.identity).toBe(one!.identity);
    expect(other!.event).toBe(one!.event);
    const [wider] = await ranking.follow(11).read(position, READ);
    expect(wider!.identity).not.toBe(one!.identity);
  });

  it('tell those who follow when there may be more', async () => {
    const { ranking, visit, tick } = await createWorld({ total: 3 });
    let calls = 0;
    const end = ranking.follow(3).onAdvance(() => (calls += 1));
    await visit('room0001', 'v');
    await tick();
    expect(calls).toBe(1);
    end();
    end();
    await visit('room0001', 'w');
    await tick();
    expect(calls).toBe(1);
  });

  it('continue on another instance', async () => {
    const { ranking, start, clock, visit, tick } = await createWorld({ total: 30 });
    const { resumeCursor } = await ranking.page(10, null, soon());
    await visit('room0007', 'v');
    await tick();
    const other = start();
    await clock.advance(100);
    const source = other.follow(10);
    const events = await source.read(await source.begin(resumeCursor, soon()), READ);
    expect(events).toMatchObject([
      { event: { complete: false, standings: [{ roomId: 'room0007', recentVisitorCount: 1 }] } },
    ]);
  });

  it('wait, on an instance that is behind, until it has caught up, and never go back', async () => {
    const { ranking, start, store, clock, visit, tick } = await createWorld({ total: 30 });
    let open = (): void => undefined;
    let gate = Promise.resolve();
    const behind = start({ ...store, tick: (...known) => gate.then(() => store.tick(...known)) });
    await clock.advance(100);
    gate = new Promise((resolve) => (open = resolve));
    await visit('room0007', 'v');
    await tick();
    const { resumeCursor } = await ranking.page(10, null, soon());
    const source = behind.follow(10);
    const one = subscriber(source, await source.begin(resumeCursor, soon()));
    await one.read();
    expect(one.events).toEqual([]);
    await visit('room0003', 'w');
    await tick();
    open();
    await tick();
    await one.read();
    expect(one.events).toMatchObject([{ event: { complete: false, standings: [{ roomId: 'room0003' }] } }]);
  });

  it('RANK-5: go on in another epoch, whose revisions begin anew', async () => {
    const { start, store, clock, visit, tick } = await createWorld({ total: 30 });
    const other = await createWorld({ total: 30 });
    let used = store;
    const ranking = start({
      ...store,
      tick: (...known) => used.tick(...known),
      snapshot: (...revision) => used.snapshot(...revision),
    });
    await clock.advance(100);
    for (const visitor of ['v', 'w', 'x']) {
      await visit('room0007', visitor);
      await tick();
    }
    const page = await ranking.page(10, null, soon());
    const source = ranking.follow(10);
    const one = subscriber(source, await source.begin(page.resumeCursor, soon()));
    one.take(page);
    await other.visit('room0003', 'v');
    await other.tick();
    used = other.store;
    await tick();
    await one.read();
    expect(one.events).toMatchObject([{ event: { complete: false } }]);
    expect(one.list()[0]).toMatchObject({ roomId: 'room0003', recentVisitorCount: 1 });
    expect(one.list()).toEqual(
      (await ranking.page(10, null, soon())).entries.map(({ standing }) => standing),
    );
  });

  it.each([
    ['another number of rooms', (cursor: string) => ({ first: 11, cursor })],
    [
      'a revision that is gone',
      () => ({ first: 10, cursor: Buffer.from('r1 resume gone 3 10').toString('base64url') }),
    ],
  ])('begin with the whole list for a cursor of %s', async (_, make) => {
    const { ranking } = await createWorld({ total: 30 });
    const { first, cursor } = make((await ranking.page(10, null, soon())).resumeCursor);
    const source = ranking.follow(first);
    const events = await source.read(await source.begin(cursor, soon()), READ);
    expect(events).toHaveLength(1);
    expect(events[0]!.event).toMatchObject({ complete: true });
    expect(events[0]!.event.order).toHaveLength(first);
    expect(await source.read(events[0]!.position, READ)).toEqual([]);
  });

  it('refuse what is no cursor of theirs', async () => {
    const { ranking } = await createWorld({ total: 30 });
    const source = ranking.follow(10);
    const { entries } = await ranking.page(10, null, soon());
    for (const cursor of ['no cursor', entries[0]!.cursor]) {
      await expect(source.begin(cursor, soon())).rejects.toMatchObject({ code: 'BAD_CURSOR' });
    }
  });

  it('go on over a store that forgot everything', async () => {
    const world = await createWorld({ total: 3 });
    const source = world.ranking.follow(3);
    const one = subscriber(source, await source.begin(null, soon()));
    await one.read();
    world.state.away = true;
    await world.tick();
    await one.read();
    expect(one.events).toHaveLength(1);
    expect(idsOf(await world.ranking.page(3, null, soon()))).toHaveLength(3);
    world.state.away = false;
    await world.visit('room0000', 'v');
    await world.tick();
    await one.read();
    expect(one.list()[0]).toMatchObject({ roomId: 'room0000', recentVisitorCount: 1 });
  });
});
