import { afterAll, describe, expect, test } from 'vitest';
import { systemIds } from '../../src/lib/ids.js';
import type { Visit, VisitJournal } from '../../src/presence/visit-journal.js';
import { gone, soon } from '../testkit/signals.js';

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

/** How long the journals of this suite keep a visit. */
export const KEEP_MS = 2 * HOUR_MS;

/** The rules of the port of the journal. Each test has a journal of its own: it is read as a whole. */
export function visitJournalSuite(
  name: string,
  makeWorld: () => Promise<{ journal: VisitJournal; stop: () => Promise<void> }>,
): void {
  describe(`visit journal: ${name}`, () => {
    const opened: { stop: () => Promise<void> }[] = [];
    afterAll(async () => {
      for (const world of opened) await world.stop();
    });
    async function newJournal(): Promise<VisitJournal> {
      const world = await makeWorld();
      opened.push(world);
      return world.journal;
    }

    const visit = (ageMs: number): Visit => ({
      roomId: systemIds.uuid(),
      visitorId: systemIds.uuid(),
      ageMs,
    });
    const pair = ({ roomId, visitorId }: Visit): string => `${roomId} ${visitorId}`;
    async function recent(journal: VisitJournal, maxAgeMs: number): Promise<Map<string, number>> {
      const found: Visit[] = [];
      for await (const batch of journal.recent(maxAgeMs, soon())) {
        expect(batch.length).toBeLessThanOrEqual(1000);
        found.push(...batch);
      }
      const ages = new Map(found.map((one) => [pair(one), one.ageMs]));
      expect(ages.size).toBe(found.length);
      return ages;
    }
    /** A visit gets older while a test runs, though hardly by a minute. */
    function minutesOf(found: number | undefined): number {
      return found === undefined ? Number.NaN : Math.floor((found + 1) / MINUTE_MS);
    }

    describe('record', () => {
      test('keeps how long ago each visit was', async () => {
        const journal = await newJournal();
        const visits = [visit(0), visit(5 * MINUTE_MS), visit(20 * MINUTE_MS)];
        await journal.record(visits, soon());
        const found = await recent(journal, HOUR_MS);
        expect(found.size).toBe(3);
        for (const one of visits) expect(minutesOf(found.get(pair(one)))).toBe(one.ageMs / MINUTE_MS);
      });

      test('raises the time of a visit, never lowers it, and a repeat does nothing', async () => {
        const journal = await newJournal();
        const one = visit(10 * MINUTE_MS);
        for (const ageMs of [10, 30, 10].map((minutes) => minutes * MINUTE_MS)) {
          await journal.record([{ ...one, ageMs }], soon());
          expect(minutesOf((await recent(journal, HOUR_MS)).get(pair(one)))).toBe(10);
        }
        await journal.record([{ ...one, ageMs: 2 * MINUTE_MS }], soon());
        expect(minutesOf((await recent(journal, HOUR_MS)).get(pair(one)))).toBe(2);
      });

      test('one visitor in two rooms and two visitors in one room are three visits', async () => {
        const journal = await newJournal();
        const one = visit(0);
        const visits = [one, { ...visit(0), visitorId: one.visitorId }, { ...visit(0), roomId: one.roomId }];
        await journal.record(visits, soon());
        expect([...(await recent(journal, HOUR_MS)).keys()].toSorted()).toEqual(visits.map(pair).toSorted());
      });

      test('one visit twice in a call counts with its youngest age', async () => {
        const journal = await newJournal();
        const one = visit(0);
        const ages = [9, 3, 6].map((minutes) => minutes * MINUTE_MS);
        await journal.record(
          ages.map((ageMs) => ({ ...one, ageMs })),
          soon(),
        );
        expect(minutesOf((await recent(journal, HOUR_MS)).get(pair(one)))).toBe(3);
      });

      test('many writers at once lose nothing', async () => {
        const journal = await newJournal();
        const visits = Array.from({ length: 40 }, () => visit(0));
        const shared = visit(MINUTE_MS);
        await Promise.all(visits.map((one) => journal.record([one, shared], soon())));
        expect((await recent(journal, HOUR_MS)).size).toBe(41);
      });

      test('none is fine; without time it is unavailable', async () => {
        const journal = await newJournal();
        await journal.record([], soon());
        await expect(journal.record([visit(0)], gone())).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      });
    });

    describe('recent', () => {
      test('leaves out what is older than asked for', async () => {
        const journal = await newJournal();
        const [young, old] = [visit(5 * MINUTE_MS), visit(50 * MINUTE_MS)];
        await journal.record([young, old], soon());
        expect([...(await recent(journal, 30 * MINUTE_MS)).keys()]).toEqual([pair(young)]);
        expect((await recent(journal, HOUR_MS)).size).toBe(2);
      });

      test('gives every visit once, over several batches, and none of an empty journal', async () => {
        const journal = await newJournal();
        expect((await recent(journal, HOUR_MS)).size).toBe(0);
        const visits = Array.from({ length: 1005 }, () => visit(MINUTE_MS));
        await journal.record(visits, soon());
        expect([...(await recent(journal, HOUR_MS)).keys()].toSorted()).toEqual(visits.map(pair).toSorted());
      });

      test('without time it is unavailable', async () => {
        const journal = await newJournal();
        const reading = (async () => {
          for await (const batch of journal.recent(HOUR_MS, gone())) expect(batch).toEqual([]);
        })();
        await expect(reading).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      });
    });
  });
}
