import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  FIRST_HEAL_MS,
  HEAL_MS,
  LATE_JOIN_MS,
  LOADING_MS,
  MAX_STORE_BATCH,
  ONLINE_MS,
  PINNED_ROOMS,
  SNAPSHOT_MS,
  SWEEP_SLICE,
  type PresenceStore,
  type RankedRoom,
  type Touch,
} from '../../src/presence/presence-store.js';

/** A store whose clock belongs to the test. */
export interface PresenceWorld {
  readonly store: PresenceStore;
  readonly windowMs: number;
  readonly intervalMs: number;
  /** The store's now. */
  now(): number;
  advance(ms: number): Promise<void>;
  close(): Promise<void>;
}

const HERE = 'instance-a';
const THERE = 'instance-b';

/** What every presence store promises; see the port. */
export function describePresenceStore(name: string, open: () => Promise<PresenceWorld>): void {
  describe(`presence store: ${name}`, () => {
    let world: PresenceWorld;
    let store: PresenceStore;
    beforeEach(async () => {
      world = await open();
      store = world.store;
    });
    afterEach(() => world.close());

    const touch = (kind: Touch['kind'], roomId: string, visitorId: string, at = world.now()): Touch => ({
      kind,
      roomId,
      visitorId,
      at,
    });
    const visit = (roomId: string, visitorId: string, at?: number) =>
      store.touch(HERE, [touch('visit', roomId, visitorId, at)]);

    /** Counts, asked for until nothing expired is left. */
    async function countsOf(roomId: string): Promise<Omit<RankedRoom, 'roomId'>> {
      for (;;) {
        const { more, rooms } = await store.counts([roomId]);
        if (more) continue;
        const { recentVisitorCount, onlineCount, messageCount } = rooms.get(roomId)!;
        return { recentVisitorCount, onlineCount, messageCount };
      }
    }
    const visitorsOf = async (roomId: string) => (await countsOf(roomId)).recentVisitorCount;
    const onlineIn = async (roomId: string) => (await countsOf(roomId)).onlineCount;

    async function load(): Promise<void> {
      const { epoch, duty, now } = await store.beat(HERE);
      expect(duty?.kind).toBe('load');
      expect(await store.fulfilled(HERE, epoch, 'load', now)).toBe(true);
    }
    /** Takes a snapshot that must be due. */
    async function take() {
      const { epoch, revision } = await store.tick('', 0);
      const { taken } = await store.tick(epoch, revision);
      return taken!;
    }
    async function order(): Promise<string[]> {
      await world.advance(world.intervalMs);
      return (await take()).rooms.map((room) => room.roomId);
    }

    describe('touch', () => {
      it('counts a visitor once, however often and wherever it is seen', async () => {
        await store.touch(HERE, [
          touch('visit', 'r', 'v'),
          touch('join', 'r', 'v'),
          touch('visit', 'r', 'v'),
        ]);
        await store.touch(THERE, [touch('join', 'r', 'v')]);
        await visit('r', 'w');
        expect(await countsOf('r')).toEqual({ recentVisitorCount: 2, onlineCount: 1, messageCount: 0 });
      });

      it('P7: changes nothing when it is told again', async () => {
        const batch = [touch('join', 'r', 'v'), touch('visit', 'r', 'w')];
        await store.touch(HERE, batch);
        await world.advance(1000);
        await store.touch(HERE, batch);
        expect(await countsOf('r')).toMatchObject({ recentVisitorCount: 2, onlineCount: 1 });
        await world.advance(world.windowMs - 1000);
        expect(await visitorsOf('r')).toBe(0);
      });

      it('RANK-2, P3: counts for exactly the window: 29:59.9, and not 30:00.1', async () => {
        expect(world.windowMs).toBe(30 * 60_000);
        await visit('r', 'v');
        await world.advance(world.windowMs - 100);
        expect(await visitorsOf('r')).toBe(1);
        await world.advance(99);
        expect(await visitorsOf('r')).toBe(1);
        await world.advance(1);
        expect(await visitorsOf('r')).toBe(0);
        await world.advance(100);
        expect(await visitorsOf('r')).toBe(0);
      });

      it('only ever raises when somebody was seen', async () => {
        await visit('r', 'v');
        await visit('r', 'v', world.now() - world.windowMs / 2);
        await world.advance(world.windowMs - 1);
        expect(await visitorsOf('r')).toBe(1);
        await visit('r', 'v');
        await world.advance(world.windowMs - 1);
        expect(await visitorsOf('r')).toBe(1);
      });

      it('counts the future as now', async () => {
        await visit('r', 'v', world.now() + world.windowMs);
        await world.advance(world.windowMs);
        expect(await visitorsOf('r')).toBe(0);
      });

      it('does not count what has expired before it was told', async () => {
        await visit('r', 'v', world.now() - world.windowMs);
        expect(await visitorsOf('r')).toBe(0);
      });

      it('ends, on a leave, only what the same instance joined', async () => {
        await store.touch(HERE, [touch('join', 'r', 'v')]);
        await store.touch(THERE, [touch('join', 'r', 'v'), touch('join', 'r', 'w')]);
        await store.touch(HERE, [touch('leave', 'r', 'v')]);
        expect(await onlineIn('r')).toBe(2);
        await store.touch(THERE, [touch('leave', 'r', 'v'), touch('leave', 'r', 'v')]);
        expect(await onlineIn('r')).toBe(1);
        expect(await visitorsOf('r')).toBe(2);
      });

      it('RANK-3: forgets who was online through an instance that fell silent', async () => {
        await store.touch(HERE, [touch('join', 'r', 'v'), touch('join', 'r', 'w')]);
        await world.advance(ONLINE_MS / 2);
        await store.touch(HERE, [touch('join', 'r', 'w')]);
        await world.advance(ONLINE_MS / 2 - 1);
        expect(await onlineIn('r')).toBe(2);
        await world.advance(1);
        expect(await onlineIn('r')).toBe(1);
        await world.advance(ONLINE_MS / 2);
        expect(await onlineIn('r')).toBe(0);
      });

      it('takes a late join for a visit and says so', async () => {
        const { late } = await store.touch(HERE, [
          touch('join', 'r', 'v', world.now() - LATE_JOIN_MS),
          touch('join', 'r', 'w', world.now() - LATE_JOIN_MS - 1),
        ]);
        expect(late).toEqual([1]);
        expect(await countsOf('r')).toMatchObject({ recentVisitorCount: 2, onlineCount: 1 });
      });

      it('ends what ends first, though it began later', async () => {
        await store.touch(HERE, [touch('join', 'r', 'v'), touch('join', 'r', 'w')]);
        await world.advance(1000);
        await store.touch(HERE, [touch('join', 'r', 'v')]);
        await world.advance(ONLINE_MS - 1000);
        expect(await onlineIn('r')).toBe(1);
        await world.advance(world.windowMs - ONLINE_MS);
        expect(await visitorsOf('r')).toBe(1);
      });

      it('keeps rooms and visitors apart', async () => {
        await store.touch(HERE, [
          touch('join', 'r1', 'v'),
          touch('join', 'r2', 'v'),
          touch('visit', 'r2', 'w'),
        ]);
        await store.touch(HERE, [touch('leave', 'r1', 'v')]);
        expect(await countsOf('r1')).toMatchObject({ recentVisitorCount: 1, onlineCount: 0 });
        expect(await countsOf('r2')).toMatchObject({ recentVisitorCount: 2, onlineCount: 1 });
        await store.raise([{ roomId: 'r3', number: 9, at: world.now() }]);
        const { rooms } = await store.counts(['r1', 'r2', 'r3']);
        expect([...rooms.values()]).toEqual([
          { roomId: 'r1', recentVisitorCount: 1, onlineCount: 0, messageCount: 0 },
          { roomId: 'r2', recentVisitorCount: 2, onlineCount: 1, messageCount: 0 },
          { roomId: 'r3', recentVisitorCount: 0, onlineCount: 0, messageCount: 9 },
        ]);
      });
    });

    describe('raise', () => {
      it('lists a room, and only ever raises its newest number', async () => {
        await load();
        await store.raise([{ roomId: 'r', number: 7, at: world.now() }]);
        await world.advance(1000);
        await store.raise([{ roomId: 'r', number: 3, at: world.now() }]);
        expect((await countsOf('r')).messageCount).toBe(7);
        expect(await order()).toEqual(['r']);
      });

      it('only ever raises the latest activity, to the present at most', async () => {
        await load();
        const second = Math.floor(world.now() / 1000) * 1000;
        await store.raise([
          { roomId: 'a', number: 0, at: second - 5000 },
          { roomId: 'b', number: 0, at: second - 3000 },
        ]);
        expect(await order()).toEqual(['b', 'a']);
        await store.raise([{ roomId: 'b', number: 1, at: second - 9000 }]);
        expect(await order()).toEqual(['b', 'a']);
        await store.raise([{ roomId: 'a', number: 0, at: second - 1000 }]);
        expect(await order()).toEqual(['a', 'b']);
        await store.raise([{ roomId: 'b', number: 2, at: world.now() + 3_600_000 }]);
        await world.advance(2000);
        await store.raise([{ roomId: 'a', number: 2, at: world.now() }]);
        expect(await order()).toEqual(['a', 'b']);
      });
    });

    describe('counts', () => {
      it('gives zeros for a room it does not know', async () => {
        expect(await countsOf('r')).toEqual({ recentVisitorCount: 0, onlineCount: 0, messageCount: 0 });
      });

      it('says that it is not loaded until it is', async () => {
        expect((await store.counts(['r'])).loaded).toBe(false);
        await load();
        expect((await store.counts(['r'])).loaded).toBe(true);
      });

      it('takes away expired visits in slices and says when some are left', async () => {
        const visitors = Array.from({ length: SWEEP_SLICE * 2 + 1 }, (_, index) =>
          touch('join', 'r', `v${index}`),
        );
        for (let start = 0; start < visitors.length; start += MAX_STORE_BATCH) {
          await store.touch(HERE, visitors.slice(start, start + MAX_STORE_BATCH));
        }
        await world.advance(world.windowMs);
        const answers = [];
        do answers.push(await store.counts(['r']));
        while (answers.at(-1)!.more);
        expect(answers.map(({ rooms }) => rooms.get('r')!.recentVisitorCount)).toEqual([
          SWEEP_SLICE + 1,
          1,
          0,
        ]);
        await world.advance(ONLINE_MS);
        expect(await onlineIn('r')).toBe(0);
      });
    });

    it('takes away in slices those who are online no more', async () => {
      const members = Array.from({ length: SWEEP_SLICE * 2 + 1 }, (_, index) =>
        touch('join', 'r', `v${index}`),
      );
      for (let start = 0; start < members.length; start += MAX_STORE_BATCH) {
        await store.touch(HERE, members.slice(start, start + MAX_STORE_BATCH));
      }
      await world.advance(ONLINE_MS);
      const answers = [];
      do answers.push(await store.counts(['r']));
      while (answers.at(-1)!.more);
      expect(answers.map(({ rooms }) => rooms.get('r')!.onlineCount)).toEqual([SWEEP_SLICE + 1, 1, 0]);
      expect(await visitorsOf('r')).toBe(members.length);
    });

    describe('tick', () => {
      it('takes nothing before the store is loaded', async () => {
        await visit('r', 'v');
        const { epoch, revision } = await store.tick('', 0);
        expect(revision).toBe(0);
        expect(await store.tick(epoch, 0)).toMatchObject({ revision: 0, taken: null });
        await load();
        expect(await take()).toMatchObject({ epoch, revision: 1, total: 1 });
      });

      it('takes the first one of a list in which nothing is', async () => {
        await load();
        const { epoch, revision } = await store.tick('', 0);
        expect(await store.tick(epoch, revision)).toMatchObject({
          revision: 1,
          taken: { rooms: [], total: 0 },
          waitMs: world.intervalMs,
        });
      });

      it('RANK-1: orders by visitors, then latest activity in seconds, then identifier from the highest', async () => {
        await load();
        const second = Math.floor(world.now() / 1000) * 1000 - 10_000;
        await store.raise([
          { roomId: 'r1', number: 1, at: second },
          { roomId: 'r3', number: 1, at: second + 500 },
          { roomId: 'r2', number: 1, at: second + 999 },
          { roomId: 'r0', number: 1, at: second + 1000 },
          { roomId: 'r10', number: 1, at: second },
        ]);
        await store.touch(HERE, [
          touch('visit', 'r1', 'v'),
          touch('visit', 'r1', 'w'),
          touch('join', 'r10', 'v'),
        ]);
        const { rooms } = await take();
        expect(rooms).toEqual([
          { roomId: 'r1', recentVisitorCount: 2, onlineCount: 0, messageCount: 1 },
          { roomId: 'r10', recentVisitorCount: 1, onlineCount: 1, messageCount: 1 },
          { roomId: 'r0', recentVisitorCount: 0, onlineCount: 0, messageCount: 1 },
          { roomId: 'r3', recentVisitorCount: 0, onlineCount: 0, messageCount: 1 },
          { roomId: 'r2', recentVisitorCount: 0, onlineCount: 0, messageCount: 1 },
        ]);
      });

      it('takes a snapshot only when something changed', async () => {
        await load();
        await visit('r', 'v');
        const raises = [{ roomId: 'r', number: 1, at: world.now() }];
        await store.raise(raises);
        const { epoch } = await take();
        const nothing = { revision: 1, taken: null, waitMs: world.intervalMs };
        await world.advance(3 * world.intervalMs);
        expect(await store.tick(epoch, 1)).toMatchObject(nothing);
        await visit('r', 'v');
        await store.raise(raises);
        expect(await store.tick(epoch, 1)).toMatchObject(nothing);
        await world.advance(world.windowMs);
        expect(await store.tick(epoch, 1)).toMatchObject({ revision: 2 });
      });

      it.each([
        ['another message of the same second', (at: number) => store.raise([{ roomId: 'r', number: 2, at }])],
        ['a join', () => store.touch(HERE, [touch('join', 'r', 'v')])],
        ['a leave', () => store.touch(THERE, [touch('leave', 'r', 'w')])],
        ['an instance that fell silent', () => world.advance(ONLINE_MS)],
        ['the end of a visit', () => world.advance(world.windowMs)],
        ['a visit of a new room that has ended', (at: number) => visit('new', 'v', at - world.windowMs)],
        ['a new room', (at: number) => store.raise([{ roomId: 'new', number: 0, at }])],
      ] as const)('takes a snapshot after %s', async (_, change) => {
        await load();
        const at = world.now();
        await store.raise([{ roomId: 'r', number: 1, at }]);
        await visit('r', 'v');
        await store.touch(THERE, [touch('join', 'r', 'w')]);
        const { epoch } = await take();
        await change(at);
        await world.advance(world.intervalMs);
        expect(await store.tick(epoch, 1)).toMatchObject({ revision: 2, taken: { revision: 2 } });
      });

      it('lists a room that it hears of only by a visit that has ended', async () => {
        await load();
        await visit('r', 'v', world.now() - world.windowMs);
        expect((await take()).rooms).toEqual([
          { roomId: 'r', recentVisitorCount: 0, onlineCount: 0, messageCount: 0 },
        ]);
      });

      it('leaves an interval between two snapshots and says how long to wait', async () => {
        await load();
        await visit('r', 'v');
        const { epoch } = await take();
        await visit('r', 'w');
        await world.advance(world.intervalMs / 4);
        expect(await store.tick(epoch, 1)).toMatchObject({ taken: null, waitMs: (world.intervalMs * 3) / 4 });
        await world.advance((world.intervalMs * 3) / 4);
        expect(await store.tick(epoch, 1)).toMatchObject({ revision: 2, taken: { revision: 2 } });
      });

      it('takes nothing for a caller that does not know the newest revision', async () => {
        await load();
        await visit('r', 'v');
        const { epoch } = await take();
        await visit('r', 'w');
        await world.advance(world.intervalMs);
        expect(await store.tick('another', 1)).toMatchObject({ epoch, revision: 1, taken: null, waitMs: 0 });
        expect(await store.tick(epoch, 0)).toMatchObject({ epoch, revision: 1, taken: null, waitMs: 0 });
      });

      it('takes each revision once, whoever asks', async () => {
        await load();
        const { epoch } = await store.tick('', 0);
        let revision = 0;
        for (let round = 1; round <= 5; round += 1) {
          await visit('r', `v${round}`);
          const answers = await Promise.all(Array.from({ length: 4 }, () => store.tick(epoch, revision)));
          expect(answers.filter(({ taken }) => taken !== null)).toHaveLength(1);
          expect(new Set(answers.map((answer) => answer.revision))).toEqual(new Set([round]));
          revision = round;
          await world.advance(world.intervalMs);
        }
      });

      it('pins the first thousand rooms and counts them all', async () => {
        await load();
        const total = PINNED_ROOMS + 200;
        const ids = Array.from({ length: total }, (_, index) => `r${String(index).padStart(4, '0')}`);
        for (let start = 0; start < total; start += MAX_STORE_BATCH) {
          const batch = ids.slice(start, start + MAX_STORE_BATCH);
          await store.raise(batch.map((roomId) => ({ roomId, number: 0, at: world.now() - 60_000 })));
        }
        const { rooms, total: counted } = await take();
        expect(counted).toBe(total);
        expect(rooms.map((room) => room.roomId)).toEqual(ids.toReversed().slice(0, PINNED_ROOMS));
      });

      it('waits until nothing expired is left', async () => {
        await load();
        const visitors = Array.from({ length: SWEEP_SLICE + 1 }, (_, index) =>
          touch('visit', 'r', `v${index}`),
        );
        for (let start = 0; start < visitors.length; start += MAX_STORE_BATCH) {
          await store.touch(HERE, visitors.slice(start, start + MAX_STORE_BATCH));
        }
        const { epoch } = await take();
        await world.advance(world.windowMs);
        expect(await store.tick(epoch, 1)).toMatchObject({ taken: null, waitMs: 0 });
        const { taken } = await store.tick(epoch, 1);
        expect(taken?.rooms[0]?.recentVisitorCount).toBe(0);
      });
    });

    describe('snapshot', () => {
      it('gives again what a tick took, unchanged, after later ones too', async () => {
        await load();
        await store.raise([{ roomId: 'q', number: 3, at: world.now() }]);
        await store.touch(HERE, [touch('join', 'r', 'v')]);
        const first = await take();
        await visit('q', 'v');
        await visit('q', 'w');
        await world.advance(world.intervalMs);
        const second = await take();
        expect(await store.snapshot(first.epoch, 1)).toEqual(first);
        expect(await store.snapshot(second.epoch, 2)).toEqual(second);
        expect(await store.snapshot('another', 2)).toBeNull();
        expect(second).not.toEqual({ ...first, revision: 2 });
      });

      it('CURSOR-5: gives it for two minutes after the next one', async () => {
        await load();
        await visit('r', 'v');
        const first = await take();
        await visit('r', 'w');
        await world.advance(world.intervalMs);
        await take();
        await visit('r', 'x');
        await world.advance(SNAPSHOT_MS - 1);
        await take();
        expect(await store.snapshot(first.epoch, 1)).toEqual(first);
      });

      it('gives null for what was never taken', async () => {
        const { epoch } = await store.tick('', 0);
        expect(await store.snapshot(epoch, 1)).toBeNull();
        expect(await store.snapshot('another', 1)).toBeNull();
      });
    });

    describe('duties', () => {
      it('lets one instance load, and another one when that one fell silent', async () => {
        const { epoch, duty, loaded } = await store.beat(HERE);
        expect(loaded).toBe(false);
        expect(duty).toEqual({ kind: 'load', healedAt: null });
        expect((await store.beat(THERE)).duty).toBeNull();
        await world.advance(LOADING_MS - 1);
        expect(await store.loading(HERE, epoch)).toBe(true);
        await world.advance(LOADING_MS - 1);
        expect((await store.beat(THERE)).duty).toBeNull();
        await world.advance(1);
        expect((await store.beat(THERE)).duty?.kind).toBe('load');
        expect(await store.loading(HERE, epoch)).toBe(false);
        expect(await store.fulfilled(HERE, epoch, 'load', world.now())).toBe(false);
        expect(await store.fulfilled(THERE, 'another', 'load', world.now())).toBe(false);
        expect((await store.beat(HERE)).loaded).toBe(false);
        expect(await store.fulfilled(THERE, epoch, 'load', world.now())).toBe(true);
        expect((await store.beat(HERE)).loaded).toBe(true);
      });

      it('takes a duty away from who was silent for too long, though nobody else took it', async () => {
        const { epoch } = await store.beat(HERE);
        await world.advance(LOADING_MS - 1);
        expect((await store.beat(HERE)).duty?.kind).toBe('load');
        expect(await store.loading(HERE, 'another')).toBe(false);
        await world.advance(LOADING_MS);
        expect(await store.loading(HERE, epoch)).toBe(false);
        expect(await store.fulfilled(HERE, epoch, 'load', world.now())).toBe(false);
        await load();
        expect(await store.loading(HERE, epoch)).toBe(false);
        expect(await store.fulfilled(HERE, epoch, 'load', world.now())).toBe(false);
      });

      it('lets one instance heal soon after a load, and from then on each minute', async () => {
        const loadedAt = world.now();
        await load();
        await world.advance(FIRST_HEAL_MS - 1);
        expect((await store.beat(HERE)).duty).toBeNull();
        await world.advance(1);
        expect((await store.beat(HERE)).duty).toEqual({ kind: 'heal', healedAt: loadedAt });
        await world.advance(HEAL_MS - 1);
        expect((await store.beat(THERE)).duty).toBeNull();
        await world.advance(1);
        expect((await store.beat(THERE)).duty?.kind).toBe('heal');
      });

      it('never takes back since when it is healed', async () => {
        const loadedAt = world.now();
        await load();
        await world.advance(FIRST_HEAL_MS);
        const { epoch, duty } = await store.beat(HERE);
        expect(duty?.kind).toBe('heal');
        expect(await store.fulfilled(HERE, epoch, 'heal', loadedAt - 1)).toBe(true);
        await world.advance(HEAL_MS);
        expect((await store.beat(HERE)).duty).toEqual({ kind: 'heal', healedAt: loadedAt });
      });

      it('lets one instance heal each minute and says since when', async () => {
        const loadedAt = world.now();
        await load();
        await world.advance(HEAL_MS);
        const { epoch, duty, now } = await store.beat(THERE);
        expect(duty).toEqual({ kind: 'heal', healedAt: loadedAt });
        expect((await store.beat(HERE)).duty).toBeNull();
        expect(await store.fulfilled(THERE, epoch, 'heal', now)).toBe(true);
        await world.advance(HEAL_MS);
        expect((await store.beat(HERE)).duty).toEqual({ kind: 'heal', healedAt: loadedAt + HEAL_MS });
      });
    });
  });
}
