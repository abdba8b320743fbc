import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemIds } from '../../src/lib/ids.js';
import type { VisitorRecord, VisitorStore } from '../../src/visitors/visitor-store.js';
import { gone, soon } from '../testkit/signals.js';

/** The rules of the port of visitors. */
export function visitorStoreSuite(
  name: string,
  makeWorld: () => Promise<{ store: VisitorStore; stop: () => Promise<void> }>,
): void {
  describe(`visitor store: ${name}`, () => {
    let world: Awaited<ReturnType<typeof makeWorld>>;
    beforeAll(async () => {
      world = await makeWorld();
    });
    afterAll(async () => {
      await world?.stop();
    });

    const visitor = (displayName: string | null = null): VisitorRecord => ({
      id: systemIds.uuid(),
      createdAt: new Date(Date.UTC(2026, 0, 31, 9, 30, 0, 123)),
      displayName,
    });
    const read = (...ids: string[]): Promise<readonly VisitorRecord[]> => world.store.byIds(ids, soon());

    describe('ensure', () => {
      test('stores a visitor, with a chosen name or without', async () => {
        for (const one of [visitor(), visitor('방문자 {"$gt":1}')]) {
          await world.store.ensure(one, soon());
          expect(await read(one.id)).toEqual([one]);
        }
      });

      test('leaves an existing one as it is', async () => {
        const named = visitor('Kim');
        await world.store.ensure(named, soon());
        await world.store.ensure({ ...named, displayName: null }, soon());
        await world.store.ensure({ ...named, displayName: 'Lee' }, soon());
        expect(await read(named.id)).toEqual([named]);
      });

      test('many times at once is once', async () => {
        const one = visitor();
        await Promise.all(Array.from({ length: 20 }, () => world.store.ensure(one, soon())));
        expect(await read(one.id)).toEqual([one]);
      });

      test('without time it is unavailable', async () => {
        await expect(world.store.ensure(visitor(), gone())).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      });
    });

    describe('rename', () => {
      test('stores a visitor that was not stored yet', async () => {
        const named = { ...visitor(), displayName: 'Park' };
        await world.store.rename(named, soon());
        expect(await read(named.id)).toEqual([named]);
      });

      test('changes the name of an existing one and nothing else; a repeat changes nothing', async () => {
        const one = visitor();
        await world.store.ensure(one, soon());
        const renamed = { ...one, displayName: 'Choi' };
        for (const createdAt of [one.createdAt, new Date(0)]) {
          await world.store.rename({ ...renamed, createdAt }, soon());
          expect(await read(one.id)).toEqual([renamed]);
        }
      });

      test('at once with others, one of the names holds', async () => {
        const one = visitor();
        const names = Array.from({ length: 10 }, (_, index) => `Name ${index}`);
        await Promise.all([
          world.store.ensure(one, soon()),
          ...names.map((displayName) => world.store.rename({ ...one, displayName }, soon())),
        ]);
        const [stored] = await read(one.id);
        expect(names).toContain(stored?.displayName);
      });

      test('without time it is unavailable', async () => {
        const named = { ...visitor(), displayName: 'Jung' };
        await expect(world.store.rename(named, gone())).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      });
    });

    describe('byIds', () => {
      test('gives those that are stored, up to 200', async () => {
        const visitors = Array.from({ length: 199 }, () => visitor());
        await Promise.all(visitors.map((one) => world.store.ensure(one, soon())));
        const found = await read(...visitors.map(({ id }) => id), systemIds.uuid());
        expect(found.map(({ id }) => id).toSorted()).toEqual(visitors.map(({ id }) => id).toSorted());
        expect(await read()).toEqual([]);
      });

      test('without time it is unavailable', async () => {
        await expect(world.store.byIds([systemIds.uuid()], gone())).rejects.toMatchObject({
          code: 'UNAVAILABLE',
        });
      });
    });
  });
}
