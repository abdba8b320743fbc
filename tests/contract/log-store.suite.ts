import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CodedError } from '../../src/lib/coded-error.js';
import { systemIds } from '../../src/lib/ids.js';
import type { LogRecord, LogStore } from '../../src/log/log-store.js';
import { gone, soon } from '../testkit/signals.js';

/** A store of its own, and what the port has no word for. */
export interface LogStoreWorld<Record extends LogRecord> {
  readonly store: LogStore<Record>;
  /** A complete record with these fields, as the store takes and gives it. */
  record(fields: LogRecord): Record;
  /** Makes the log known, so that `firsts` has an answer. */
  addLog(logId: string): Promise<void>;
  /** Says that records below `first` were dropped. */
  setFirst(logId: string, first: number): Promise<void>;
  /** Sets the lagging hint where the newest record is to be looked for, as far as this store keeps one. */
  setHead(logId: string, head: number): Promise<void>;
  stop: () => Promise<void>;
}

const byNumber = (one: LogRecord, other: LogRecord): number => one.number - other.number;

/** The rules of the port of logs, for one store. */
export function logStoreSuite<Record extends LogRecord>(
  name: string,
  makeWorld: () => Promise<LogStoreWorld<Record>>,
): void {
  describe(`log store: ${name}`, () => {
    let world: LogStoreWorld<Record>;
    beforeAll(async () => {
      world = await makeWorld();
    });
    afterAll(async () => {
      await world?.stop();
    });

    const newLog = (): string => systemIds.uuid();
    function entry(logId: string, number: number, fields: Partial<LogRecord> = {}): Record {
      const call = systemIds.random64();
      return world.record({ logId, number, authorId: systemIds.uuid(), call, key: `s:${call}`, ...fields });
    }
    const entries = (logId: string, from: number, through: number): Record[] =>
      Array.from({ length: through - from + 1 }, (_, index) => entry(logId, from + index));
    async function append(batch: readonly Record[], signal = soon()) {
      const session = world.store.session();
      try {
        return await world.store.append(batch, session, signal);
      } finally {
        session.end();
      }
    }
    const all = (logId: string): Promise<readonly Record[]> => world.store.range(logId, 0, 256, soon());

    describe('append', () => {
      test('a batch that landed reads back as it was given, in its order', async () => {
        const logId = newLog();
        const batch = entries(logId, 1, 5);
        expect(await append(batch)).toEqual({ outcome: 'landed', landed: 5 });
        expect(await all(logId)).toEqual(batch);
      });

      test('256 records land in one call', async () => {
        const logId = newLog();
        const batch = entries(logId, 1, 256);
        expect(await append(batch)).toEqual({ outcome: 'landed', landed: 256 });
        expect(await all(logId)).toEqual(batch);
      });

      test('a log may begin above 1', async () => {
        const logId = newLog();
        expect(await append(entries(logId, 41, 42))).toEqual({ outcome: 'landed', landed: 2 });
        expect((await all(logId)).map((record) => record.number)).toEqual([41, 42]);
      });

      test('a taken number is a conflict, and nothing of the batch lands', async () => {
        const logId = newLog();
        const stored = entries(logId, 1, 2);
        await append(stored);
        expect(await append(entries(logId, 2, 4))).toEqual({ outcome: 'conflict', landed: 0 });
        expect(await all(logId)).toEqual(stored);
      });

      test('a conflict in the middle keeps the prefix before it and nothing behind it', async () => {
        const logId = newLog();
        const third = entry(logId, 3);
        await append([third]);
        const batch = entries(logId, 1, 5);
        expect(await append(batch)).toEqual({ outcome: 'conflict', landed: 2 });
        expect(await all(logId)).toEqual([batch[0], batch[1], third]);
      });

      test('a key that this author used in this log is a duplicate', async () => {
        const logId = newLog();
        const stored = entry(logId, 1, { key: 'c:once' });
        await append([stored]);
        const again = entry(logId, 2, { key: 'c:once', authorId: stored.authorId });
        expect(await append([again])).toEqual({ outcome: 'duplicate', landed: 0 });
        expect(await all(logId)).toEqual([stored]);
      });

      test('a duplicate in the middle keeps the prefix before it and nothing behind it', async () => {
        const logId = newLog();
        const stored = entry(logId, 1, { key: 'c:once' });
        await append([stored]);
        const batch = [
          entry(logId, 2),
          entry(logId, 3, { key: 'c:once', authorId: stored.authorId }),
          entry(logId, 4),
        ];
        expect(await append(batch)).toEqual({ outcome: 'duplicate', landed: 1 });
        expect(await all(logId)).toEqual([stored, batch[0]]);
      });

      test('one key twice in a batch is a duplicate at the second', async () => {
        const logId = newLog();
        const authorId = systemIds.uuid();
        const batch = [1, 2].map((number) => entry(logId, number, { key: 'c:twice', authorId }));
        expect(await append(batch)).toEqual({ outcome: 'duplicate', landed: 1 });
        expect(await all(logId)).toEqual([batch[0]]);
      });

      test('a key belongs to its author and its log', async () => {
        const [logId, otherLog] = [newLog(), newLog()];
        const stored = entry(logId, 1, { key: 'c:shared' });
        await append([stored]);
        expect((await append([entry(logId, 2, { key: 'c:shared' })])).outcome).toBe('landed');
        const elsewhere = entry(otherLog, 1, { key: 'c:shared', authorId: stored.authorId });
        expect((await append([elsewhere])).outcome).toBe('landed');
      });

      test('repeating a batch that landed stores nothing twice', async () => {
        const logId = newLog();
        const batch = entries(logId, 1, 3);
        await append(batch);
        const repeated = await append(batch);
        expect(['conflict', 'duplicate']).toContain(repeated.outcome);
        expect(repeated.landed).toBe(0);
        expect(await all(logId)).toEqual(batch);
      });

      test('of many that want the same number at once, one lands', async () => {
        const logId = newLog();
        const outcomes = await Promise.all(
          Array.from({ length: 20 }, () => append([entry(logId, 1)]).then((appended) => appended.outcome)),
        );
        expect(outcomes.filter((outcome) => outcome === 'landed')).toHaveLength(1);
        expect(outcomes.filter((outcome) => outcome === 'conflict')).toHaveLength(19);
        expect(await all(logId)).toHaveLength(1);
      });

      test('of many with the same key at once, one lands', async () => {
        const logId = newLog();
        const authorId = systemIds.uuid();
        const appended = await Promise.all(
          Array.from({ length: 20 }, (_, index) =>
            append([entry(logId, index + 1, { authorId, key: 'c:race' })]),
          ),
        );
        expect(appended.filter(({ outcome }) => outcome === 'landed')).toHaveLength(1);
        expect(appended.filter(({ outcome }) => outcome === 'duplicate')).toHaveLength(19);
        expect(await all(logId)).toHaveLength(1);
      });

      test('logs that are written at once do not disturb each other, whatever becomes of one of them', async () => {
        const taken = newLog();
        await append([entry(taken, 1)]);
        const logs = Array.from({ length: 30 }, newLog);
        const [refused, ...landed] = await Promise.all([
          append([entry(taken, 1)]),
          ...logs.map((logId) => append(entries(logId, 1, 2))),
        ]);
        expect(refused).toEqual({ outcome: 'conflict', landed: 0 });
        expect(landed).toEqual(logs.map(() => ({ outcome: 'landed', landed: 2 })));
      });

      test.each([
        ['an operator', 'c:{"$gt":""}'],
        ['a quote', `c:' OR 1=1 --`],
        ['an index name', 'c:index: messages_number dup key'],
        ['another script', 'c:안녕하세요 🙂'],
      ])('a key with %s in it is just a key', async (_, key) => {
        const logId = newLog();
        const stored = entry(logId, 1, { key });
        expect((await append([stored])).outcome).toBe('landed');
        const again = entry(logId, 2, { key, authorId: stored.authorId });
        expect(await append([again])).toEqual({ outcome: 'duplicate', landed: 0 });
        expect(await world.store.byKey(logId, stored.authorId, key, null, soon())).toEqual(stored);
      });

      test('without time to store, the outcome is unknown, and nothing is thrown', async () => {
        const appended = await append([entry(newLog(), 1)], gone());
        expect(appended).toMatchObject({ outcome: 'unknown', landed: 0 });
      });
    });

    describe('get', () => {
      test.each(['majority', 'linearizable'] as const)('gives records by position (%s)', async (level) => {
        const logs = [newLog(), newLog()] as const;
        const batches = logs.map((logId) => entries(logId, 1, 3));
        for (const batch of batches) await append(batch);
        const found = await world.store.get(
          [
            { logId: logs[0], number: 1 },
            { logId: logs[1], number: 3 },
            { logId: logs[1], number: 4 },
            { logId: newLog(), number: 1 },
          ],
          level,
          soon(),
        );
        expect(found.toSorted(byNumber)).toEqual([batches[0]?.[0], batches[1]?.[2]]);
      });

      test('takes 200 positions', async () => {
        const logId = newLog();
        const batch = entries(logId, 1, 200);
        await append(batch);
        const positions = batch.map(({ number }) => ({ logId, number }));
        const found = await world.store.get(positions, 'majority', soon());
        expect(found.toSorted(byNumber)).toEqual(batch);
      });

      test('no positions give no records', async () => {
        expect(await world.store.get([], 'majority', soon())).toEqual([]);
      });

      test('without time it is unavailable', async () => {
        const reading = world.store.get([{ logId: newLog(), number: 1 }], 'majority', gone());
        await expect(reading).rejects.toMatchObject({ code: 'UNAVAILABLE' } satisfies Partial<CodedError>);
      });
    });

    describe('range', () => {
      test('excludes its start, includes its end, ascends', async () => {
        const logId = newLog();
        const batch = entries(logId, 1, 12);
        await append(batch);
        expect(await world.store.range(logId, 2, 11, soon())).toEqual(batch.slice(2, 11));
      });

      test('gives what there is when it reaches beyond the ends', async () => {
        const logId = newLog();
        const batch = entries(logId, 5, 7);
        await append(batch);
        expect(await world.store.range(logId, 0, 256, soon())).toEqual(batch);
        expect(await world.store.range(logId, 7, 263, soon())).toEqual([]);
      });

      test('stays inside its log', async () => {
        const [logId, otherLog] = [newLog(), newLog()];
        await append(entries(otherLog, 1, 3));
        expect(await world.store.range(logId, 0, 256, soon())).toEqual([]);
      });

      test('without time it is unavailable', async () => {
        await expect(world.store.range(newLog(), 0, 1, gone())).rejects.toMatchObject({
          code: 'UNAVAILABLE',
        });
      });
    });

    describe('byKey', () => {
      test('finds the record in the session that met it', async () => {
        const logId = newLog();
        const stored = entry(logId, 1, { key: 'c:mine' });
        await append([stored]);
        const session = world.store.session();
        const again = entry(logId, 2, { key: 'c:mine', authorId: stored.authorId });
        expect((await world.store.append([again], session, soon())).outcome).toBe('duplicate');
        expect(await world.store.byKey(logId, stored.authorId, 'c:mine', session, soon())).toEqual(stored);
        session.end();
      });

      test('is null for another key, author or log', async () => {
        const logId = newLog();
        const { authorId } = entry(logId, 1);
        await append([entry(logId, 1, { key: 'c:mine', authorId })]);
        expect(await world.store.byKey(logId, authorId, 'c:other', null, soon())).toBeNull();
        expect(await world.store.byKey(logId, systemIds.uuid(), 'c:mine', null, soon())).toBeNull();
        expect(await world.store.byKey(newLog(), authorId, 'c:mine', null, soon())).toBeNull();
      });

      test('without time it is unavailable', async () => {
        const reading = world.store.byKey(newLog(), systemIds.uuid(), 'c:any', null, gone());
        await expect(reading).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      });
    });

    describe('newest', () => {
      test('is null for an empty log', async () => {
        const logId = newLog();
        expect(await world.store.newest(logId, null, soon())).toBeNull();
        await world.addLog(logId);
        expect(await world.store.newest(logId, null, soon())).toBeNull();
      });

      test('is the record with the highest number, in the session that wrote it', async () => {
        const logId = newLog();
        await world.addLog(logId);
        const batch = entries(logId, 1, 3);
        const session = world.store.session();
        await world.store.append(batch, session, soon());
        expect(await world.store.newest(logId, session, soon())).toEqual(batch[2]);
        session.end();
      });

      test('is found without a hint', async () => {
        const logId = newLog();
        await append(entries(logId, 1, 3));
        expect((await world.store.newest(logId, null, soon()))?.number).toBe(3);
      });

      test.each([1, 3, 300, 301])('is found from a hint that lags behind (%i of 600)', async (head) => {
        const logId = newLog();
        await world.addLog(logId);
        for (const from of [1, 201, 401]) await append(entries(logId, from, from + 199));
        await world.setHead(logId, head);
        expect((await world.store.newest(logId, null, soon()))?.number).toBe(600);
      });

      test('is found from a hint that is exact, and when a whole stretch of 256 follows it', async () => {
        const logId = newLog();
        await world.addLog(logId);
        await append(entries(logId, 1, 1));
        await append(entries(logId, 2, 257));
        await world.setHead(logId, 1);
        expect((await world.store.newest(logId, null, soon()))?.number).toBe(257);
        await world.setHead(logId, 257);
        expect((await world.store.newest(logId, null, soon()))?.number).toBe(257);
      });

      test.each([1, 300, 600, 601, 9000])(
        'is found from a number that was seen (%i of 600)',
        async (from) => {
          const logId = newLog();
          await world.addLog(logId);
          for (const first of [1, 201, 401]) await append(entries(logId, first, first + 199));
          expect((await world.store.newest(logId, null, soon(), from))?.number).toBe(600);
        },
      );

      test('does not believe a hint ahead of the log', async () => {
        const logId = newLog();
        await world.addLog(logId);
        await append(entries(logId, 1, 3));
        await world.setHead(logId, 9);
        expect((await world.store.newest(logId, null, soon()))?.number).toBe(3);
      });

      test('is found in a log that begins far above 1', async () => {
        const logId = newLog();
        await world.addLog(logId);
        await append(entries(logId, 1001, 1003));
        expect((await world.store.newest(logId, null, soon()))?.number).toBe(1003);
      });

      test('without time it is unavailable', async () => {
        await expect(world.store.newest(newLog(), null, gone())).rejects.toMatchObject({
          code: 'UNAVAILABLE',
        });
      });
    });

    describe('firsts', () => {
      test.each(['majority', 'linearizable'] as const)(
        'is 1 for a new log, what was set for another, and nothing for an unknown one (%s)',
        async (level) => {
          const [fresh, cut, unknown] = [newLog(), newLog(), newLog()];
          await world.addLog(fresh);
          await world.addLog(cut);
          await world.setFirst(cut, 17);
          const firsts = await world.store.firsts([fresh, cut, unknown], level, soon());
          expect([...firsts].toSorted(([, one], [, other]) => one - other)).toEqual([
            [fresh, 1],
            [cut, 17],
          ]);
        },
      );

      test('without time it is unavailable', async () => {
        await expect(world.store.firsts([newLog()], 'majority', gone())).rejects.toMatchObject({
          code: 'UNAVAILABLE',
        });
      });
    });
  });
}
