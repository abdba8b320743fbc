import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemIds } from '../../src/lib/ids.js';
import type { CreatedRoom, RoomActivity, RoomRecord, RoomStore } from '../../src/rooms/room-store.js';
import { gone, soon } from '../testkit/signals.js';

const START_MS = Date.UTC(2026, 0, 31, 9, 30);
const none: ReadonlySet<string> = new Set();

/** The rules of the port of rooms. Each test has a store of its own: lists and counts are of the whole store. */
export function roomStoreSuite(
  name: string,
  makeWorld: () => Promise<{ store: RoomStore; stop: () => Promise<void> }>,
): void {
  describe(`room store: ${name}`, () => {
    const opened: { stop: () => Promise<void> }[] = [];
    afterAll(async () => {
      for (const world of opened) await world.stop();
    });
    async function newStore(): Promise<RoomStore> {
      const world = await makeWorld();
      opened.push(world);
      return world.store;
    }

    let count = 0;
    function room(fields: { id?: string; name?: string; nameKey?: string; createdAt?: Date } = {}) {
      const name = fields.name ?? `Room ${(count += 1)}`;
      return {
        id: systemIds.uuid(),
        name,
        nameKey: name.toLowerCase(),
        createdAt: new Date(START_MS),
        creatorId: systemIds.uuid(),
        ...fields,
      };
    }
    const createdOf = ({ id, name, createdAt, creatorId }: CreatedRoom): CreatedRoom => ({
      id,
      name,
      createdAt,
      creatorId,
    });
    const recordOf = ({ id, name, createdAt }: RoomRecord): RoomRecord => ({ id, name, createdAt });
    const byId = (one: { id: string }, other: { id: string }): number => (one.id < other.id ? -1 : 1);

    async function activitiesOf(store: RoomStore, since: Date | null): Promise<RoomActivity[]> {
      const found: RoomActivity[] = [];
      for await (const batch of store.activities(since, soon())) {
        expect(batch.length).toBeLessThanOrEqual(1000);
        found.push(...batch);
      }
      return found.toSorted(byId);
    }

    /** `total` rooms, two per millisecond, the oldest first. */
    async function fill(store: RoomStore, total: number): Promise<RoomRecord[]> {
      const rooms = Array.from({ length: total }, (_, index) =>
        room({ createdAt: new Date(START_MS + Math.floor(index / 2)) }),
      );
      await Promise.all(rooms.map((one) => store.create(one, soon())));
      return rooms.map(recordOf);
    }
    const newestFirst = (rooms: readonly RoomRecord[]): RoomRecord[] =>
      rooms.toSorted(
        (one, other) => other.createdAt.getTime() - one.createdAt.getTime() || (one.id < other.id ? 1 : -1),
      );

    describe('create', () => {
      let store: RoomStore;
      beforeAll(async () => {
        store = await newStore();
      });

      test('stores a room as it was given', async () => {
        const given = room({ name: '한국어 방 {"$gt":1}' });
        expect(await store.create(given, soon())).toEqual({ taken: null });
        expect(await store.byIds([given.id], soon())).toEqual([recordOf(given)]);
      });

      test('gives the room that has the name', async () => {
        const holder = room();
        await store.create(holder, soon());
        const late = room({ nameKey: holder.nameKey });
        expect(await store.create(late, soon())).toEqual({ taken: createdOf(holder) });
        expect(await store.byIds([late.id], soon())).toEqual([]);
      });

      test('a repeat gives the room itself', async () => {
        const given = room();
        await store.create(given, soon());
        expect(await store.create(given, soon())).toEqual({ taken: createdOf(given) });
      });

      test('gives the room that has the id, by whatever name it is asked for again', async () => {
        const given = room();
        await store.create(given, soon());
        const other = room({ id: given.id });
        expect(await store.create(other, soon())).toEqual({ taken: createdOf(given) });
        expect(await store.byNameKey(other.nameKey, soon())).toBeNull();
      });

      test('of many with one name at once, one is stored and the others are given it', async () => {
        const nameKey = 'race';
        const rooms = Array.from({ length: 20 }, () => room({ nameKey }));
        const answers = await Promise.all(rooms.map((one) => store.create(one, soon())));
        expect(answers.filter((answer) => answer.taken === null)).toHaveLength(1);
        const winner = await store.byNameKey(nameKey, soon());
        for (const { taken } of answers) expect(taken === null ? winner : recordOf(taken)).toEqual(winner);
      });

      test('without time it is unavailable', async () => {
        await expect(store.create(room(), gone())).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      });
    });

    describe('byIds', () => {
      test('gives those that exist, up to 200', async () => {
        const store = await newStore();
        const rooms = await fill(store, 200);
        const found = await store.byIds([...rooms.slice(1).map(({ id }) => id), systemIds.uuid()], soon());
        expect(found.toSorted(byId)).toEqual(rooms.slice(1).toSorted(byId));
        expect(await store.byIds([], soon())).toEqual([]);
      });

      test('without time it is unavailable', async () => {
        const store = await newStore();
        await expect(store.byIds([systemIds.uuid()], gone())).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      });
    });

    describe('byNameKey', () => {
      test('gives the room with exactly this key, or null', async () => {
        const store = await newStore();
        const given = room({ name: 'Lobby', nameKey: 'lobby' });
        await store.create(given, soon());
        expect(await store.byNameKey('lobby', soon())).toEqual(recordOf(given));
        expect(await store.byNameKey('Lobby', soon())).toBeNull();
        expect(await store.byNameKey('{"$gt":""}', soon())).toBeNull();
        await expect(store.byNameKey('lobby', gone())).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      });
    });

    describe('older', () => {
      test('from the newest, and on from each place, every room comes once and in order', async () => {
        const store = await newStore();
        const expected = newestFirst(await fill(store, 25));
        const seen: RoomRecord[] = [];
        for (;;) {
          const page = await store.older(seen.at(-1) ?? null, 4, none, soon());
          seen.push(...page);
          if (page.length < 4) break;
        }
        expect(seen).toEqual(expected);
      });

      test('rooms of one millisecond descend by id', async () => {
        const store = await newStore();
        const rooms = Array.from({ length: 6 }, () => room());
        for (const one of rooms) await store.create(one, soon());
        const ids = rooms
          .map(({ id }) => id)
          .toSorted()
          .toReversed();
        expect((await store.older(null, 10, none, soon())).map(({ id }) => id)).toEqual(ids);
        const place = { createdAt: new Date(START_MS), id: ids[2]! };
        expect((await store.older(place, 10, none, soon())).map(({ id }) => id)).toEqual(ids.slice(3));
      });

      test('leaves out what it is told to, and still fills the page', async () => {
        const store = await newStore();
        const expected = newestFirst(await fill(store, 40));
        const except = new Set([...expected.slice(0, 20), expected[22]!].map(({ id }) => id));
        const page = await store.older(null, 5, except, soon());
        expect(page).toEqual([20, 21, 23, 24, 25].map((index) => expected[index]));
      });

      test('a place that is no room is a place all the same', async () => {
        const store = await newStore();
        const expected = newestFirst(await fill(store, 6));
        const place = { createdAt: new Date(START_MS + 2), id: '' };
        expect(await store.older(place, 10, none, soon())).toEqual(expected.slice(2));
        await expect(store.older(place, 10, none, gone())).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      });
    });

    describe('raise', () => {
      test('raises number and time, each by itself, and never lowers them', async () => {
        const store = await newStore();
        const { id, createdAt } = room();
        await store.create({ ...room(), id, createdAt }, soon());
        const at = (ms: number): Date => new Date(START_MS + ms);
        await store.raise([{ id, head: 5, activeAt: at(5000) }], soon());
        await store.raise([{ id, head: 4, activeAt: at(4000) }], soon());
        expect(await activitiesOf(store, null)).toEqual([{ id, createdAt, head: 5, activeAt: at(5000) }]);
        await store.raise([{ id, head: 6, activeAt: at(1) }], soon());
        await store.raise([{ id, head: 1, activeAt: at(7000) }], soon());
        await store.raise([{ id, head: 1, activeAt: at(7000) }], soon());
        expect(await activitiesOf(store, null)).toEqual([{ id, createdAt, head: 6, activeAt: at(7000) }]);
      });

      test('takes many, passes over unknown rooms, and none is fine', async () => {
        const store = await newStore();
        const rooms = await fill(store, 30);
        await store.raise([], soon());
        const raised = [systemIds.uuid(), ...rooms.map(({ id }) => id)];
        await store.raise(
          raised.map((id, head) => ({ id, head, activeAt: new Date(START_MS) })),
          soon(),
        );
        const heads = new Map((await activitiesOf(store, null)).map(({ id, head }) => [id, head]));
        expect(heads).toEqual(new Map(rooms.map(({ id }, index) => [id, index + 1])));
        const one = [{ id: rooms[0]!.id, head: 99, activeAt: new Date(START_MS) }];
        await expect(store.raise(one, gone())).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      });
    });

    describe('activities', () => {
      test('a new room has no message and was active when it was created', async () => {
        const store = await newStore();
        const given = room();
        await store.create(given, soon());
        const { id, createdAt } = given;
        expect(await activitiesOf(store, null)).toEqual([{ id, createdAt, head: 0, activeAt: createdAt }]);
      });

      test('gives every room once, over several batches, and none of an empty store', async () => {
        const store = await newStore();
        expect(await activitiesOf(store, null)).toEqual([]);
        const rooms = await fill(store, 1003);
        const found = await activitiesOf(store, null);
        expect(found.map(({ id }) => id)).toEqual(rooms.map(({ id }) => id).toSorted());
      });

      test('since a time gives those created then or later', async () => {
        const store = await newStore();
        const rooms = await fill(store, 10);
        const found = await activitiesOf(store, new Date(START_MS + 3));
        expect(found.map(({ id }) => id)).toEqual(
          rooms
            .slice(6)
            .map(({ id }) => id)
            .toSorted(),
        );
      });

      test('without time it is unavailable', async () => {
        const store = await newStore();
        const reading = (async () => {
          for await (const batch of store.activities(null, gone())) expect(batch).toEqual([]);
        })();
        await expect(reading).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      });
    });
  });
}
