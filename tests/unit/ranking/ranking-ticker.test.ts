import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/lib/logger.js';
import { PINNED_ROOMS, type PresenceStore, type Snapshot } from '../../../src/presence/presence-store.js';
import { createMemoryPubSub } from '../../../src/pubsub/pubsub.memory.js';
import { createRankingTicker } from '../../../src/ranking/ranking-ticker.js';
import { createSnapshots } from '../../../src/ranking/snapshots.js';
import { createManualClock } from '../../testkit/manual-clock.js';
import { createRooms, INTERVAL_MS } from '../presence/world.js';

const snapshot = (revision: number, epoch = 'e'): Snapshot => ({
  epoch,
  revision,
  rooms: [],
  total: revision,
});

/** A ticker of a store that answers as the test says; `ticks` says when it was asked, and with what. */
function start() {
  const clock = createManualClock();
  const pubsub = createMemoryPubSub({ log: silentLogger });
  const rooms = createRooms();
  const ticks: { at: number; epoch: string; known: number }[] = [];
  const state = {
    epoch: 'e',
    revision: 0,
    takes: false,
    waitMs: INTERVAL_MS,
    away: false,
    fetch: (revision: number, epoch: string): Promise<Snapshot | null> =>
      Promise.resolve(snapshot(revision, epoch)),
  };
  const store: Pick<PresenceStore, 'tick' | 'snapshot'> = {
    async tick(epoch, known) {
      ticks.push({ at: clock.monotonic(), epoch, known });
      if (state.away) throw new Error('away');
      const { takes, revision, waitMs } = state;
      const taken = takes ? snapshot(revision, state.epoch) : null;
      return { now: clock.now(), epoch: state.epoch, revision, taken, waitMs };
    },
    snapshot: (epoch, revision) => state.fetch(revision, epoch),
  };
  const snapshots = createSnapshots({ store, clock, log: silentLogger });
  const adopted: number[] = [];
  snapshots.onAdvance(() => adopted.push(snapshots.newest()?.revision ?? 0));
  const ticker = createRankingTicker({
    store: store as PresenceStore,
    rooms: rooms.store,
    pubsub,
    snapshots,
    clock,
    chance: () => 0.5,
    log: silentLogger,
    intervalMs: INTERVAL_MS,
  });
  return {
    clock,
    rooms,
    ticks,
    state,
    snapshots,
    adopted,
    ticker,
    announce: (revision: number, epoch = 'e') => pubsub.publish('roomRanking', 'all', { epoch, revision }),
  };
}

describe('the ticker of the ranking', () => {
  it('asks each 50 ms until there is a first list, then as the store says, at least once an interval', async () => {
    const { clock, ticks, state } = start();
    await clock.advance(149);
    expect(ticks.map(({ at }) => at)).toEqual([0, 50, 100]);
    Object.assign(state, { revision: 1, takes: true });
    await clock.advance(1);
    Object.assign(state, { takes: false, waitMs: 300 });
    await clock.advance(INTERVAL_MS);
    state.waitMs = 10 * INTERVAL_MS;
    await clock.advance(3 * INTERVAL_MS);
    expect(ticks.slice(3).map(({ at }) => at)).toEqual([150, 1150, 1450, 2450, 3450]);
    expect(ticks.at(-1)).toMatchObject({ epoch: 'e', known: 1 });
  });

  it('takes over what others took, when it is announced or when it asks', async () => {
    const { clock, state, adopted, ticks, announce } = start();
    Object.assign(state, { revision: 1, takes: true });
    await clock.advance(100);
    Object.assign(state, { revision: 2, takes: false });
    announce(2);
    await clock.advance(1);
    expect(adopted).toEqual([1, 2]);
    expect(ticks).toHaveLength(2);
    state.revision = 3;
    await clock.advance(INTERVAL_MS);
    expect(adopted).toEqual([1, 2, 3]);
    announce(3);
    announce(2);
    await clock.advance(1);
    expect(adopted).toEqual([1, 2, 3]);
  });

  it('never goes back to one that is read late', async () => {
    const { clock, state, adopted, snapshots, announce } = start();
    Object.assign(state, { revision: 1, takes: true });
    await clock.advance(100);
    let answer = (): void => undefined;
    state.fetch = (revision) =>
      revision === 2
        ? new Promise((resolve) => (answer = () => resolve(snapshot(2))))
        : Promise.resolve(snapshot(revision));
    announce(2);
    announce(3);
    await clock.advance(1);
    answer();
    await clock.advance(1);
    expect([adopted, snapshots.newest()?.revision]).toEqual([[1, 3], 3]);
  });

  it('goes on when one that was announced is gone, or cannot be read', async () => {
    const { clock, state, adopted, announce } = start();
    Object.assign(state, { revision: 1, takes: true });
    await clock.advance(100);
    state.takes = false;
    for (const [revision, fetch] of [
      [2, () => Promise.resolve(null)],
      [3, () => Promise.reject(new Error('away'))],
    ] as const) {
      Object.assign(state, { revision, fetch });
      announce(revision);
      await clock.advance(1);
    }
    Object.assign(state, { revision: 4, takes: true });
    await clock.advance(INTERVAL_MS);
    expect(adopted).toEqual([1, 4]);
  });

  it('asks at once when another epoch is announced, and follows it though its revisions begin anew', async () => {
    const { clock, state, adopted, snapshots, ticks, announce } = start();
    Object.assign(state, { revision: 7, takes: true });
    await clock.advance(100);
    const asked = ticks.length;
    Object.assign(state, { epoch: 'f', revision: 1, takes: false });
    announce(1, 'f');
    await clock.advance(0);
    expect([ticks.length, adopted, snapshots.newest()?.epoch]).toEqual([asked + 1, [7, 1], 'f']);
  });

  it('shows the last list while the store is away, and asks about once a second', async () => {
    const { clock, rooms, state, adopted, ticks } = start();
    Object.assign(state, { revision: 1, takes: true });
    await clock.advance(100);
    state.away = true;
    const before = ticks.length;
    await clock.advance(10 * INTERVAL_MS);
    expect([ticks.length - before, adopted, rooms.calls.activities]).toEqual([10, [1], 0]);
  });

  it('lists the rooms by activity, without visitors, when the store was not there for a second', async () => {
    const { clock, rooms, state, snapshots, adopted } = start();
    state.away = true;
    const total = PINNED_ROOMS + 10;
    for (let index = 0; index < total; index += 1) {
      rooms.add(`r${String(index).padStart(4, '0')}`, new Date(clock.now() - (index + 1) * 1000), index);
    }
    const { signal } = new AbortController();
    await rooms.store.raise([{ id: 'r0500', head: 501, activeAt: new Date(clock.now()) }], signal);
    await clock.advance(999);
    expect(snapshots.newest()).toBeUndefined();
    await clock.advance(60);
    const newest = snapshots.newest()!;
    expect([newest.total, newest.rooms.length, newest.revision]).toEqual([total, PINNED_ROOMS, 1]);
    expect(newest.rooms.slice(0, 3)).toEqual(
      [
        ['r0500', 501],
        ['r0000', 0],
        ['r0001', 1],
      ].map(([roomId, messageCount]) => ({ roomId, recentVisitorCount: 0, onlineCount: 0, messageCount })),
    );
    Object.assign(state, { away: false, revision: 3, takes: true });
    await clock.advance(INTERVAL_MS);
    expect([adopted, snapshots.newest()?.epoch]).toEqual([[1, 3], 'e']);
  });

  it('ends at once, and hears and asks nothing more', async () => {
    const { clock, state, ticks, adopted, ticker, announce } = start();
    Object.assign(state, { revision: 1, takes: true });
    await clock.advance(100);
    const before = ticks.length;
    let isOver = false;
    void ticker.stop().then(() => (isOver = true));
    await clock.advance(0);
    expect(isOver).toBe(true);
    announce(2);
    announce(1, 'f');
    await clock.advance(10 * INTERVAL_MS);
    expect([ticks.length, adopted]).toEqual([before, [1]]);
  });
});
