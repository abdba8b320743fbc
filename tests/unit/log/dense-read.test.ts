import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/lib/logger.js';
import { createDenseRead } from '../../../src/log/dense-read.js';
import { LOG_LIMITS } from '../../../src/log/log-limits.js';
import { createFakeClock } from '../../testkit/log/fake-clock.js';
import { createMemoryLogStore } from '../../testkit/log/memory-log-store.js';
import { createCounts, LOG_ID, note, type Note } from '../../testkit/log/log-world.js';

/** Reads of a log of 500 records that begins at `first`, from a primary that has those above `shown` no more. */
function createReads({
  first = 1,
  told,
  shown = 500,
}: { first?: number; told?: number; shown?: number } = {}) {
  const store = createMemoryLogStore<Note>();
  for (let number = first; number <= 500; number += 1) store.put({ ...note(`${number}`), number });
  const calls: string[] = [];
  const { counts, metrics } = createCounts();
  const denseRead = createDenseRead<Note>({
    store: {
      ...store,
      async range(...args) {
        calls.push('range');
        return (await store.range(...args)).filter(({ number }) => number <= shown);
      },
      get(positions, level, signal) {
        calls.push(`${level} get of ${positions.length}`);
        return store.get(positions, level, signal);
      },
      async firsts(_logIds, level) {
        calls.push(`${level} first`);
        return new Map([[LOG_ID, level === 'linearizable' ? first : (told ?? first)]]);
      },
    },
    clock: createFakeClock(),
    limits: { ...LOG_LIMITS, maxReplayed: 1000 },
    log: silentLogger,
    metrics,
  });
  return {
    calls,
    counts,
    async read(from: number, through: number) {
      const { records, from: begins } = await denseRead(LOG_ID, from, through);
      return [begins, records.length, records[0]?.number, records.at(-1)?.number];
    },
  };
}

describe('a dense read', () => {
  it('of what is there is one call of the store', async () => {
    const { calls, read } = createReads();
    expect(await read(3, 9)).toEqual([3, 7, 3, 9]);
    expect(calls).toEqual(['range']);
  });

  it('from below where the log begins asks for that too, and excludes no replaced primary for it', async () => {
    const { calls, read } = createReads({ first: 8 });
    expect(await read(3, 9)).toEqual([8, 2, 8, 9]);
    expect(calls).toEqual(['range', 'majority first']);
  });

  it('that a replaced primary gives short asks for the rest page by page, in a way that excludes it', async () => {
    const { calls, read } = createReads({ shown: 50 });
    expect(await read(1, 500)).toEqual([1, 500, 1, 500]);
    expect(calls).toEqual([
      'range',
      'majority first',
      ...[200, 200, 50].map((count) => `linearizable get of ${count}`),
      'linearizable first',
    ]);
  });

  it('believes no replaced primary about where the log begins', async () => {
    const { read, counts } = createReads({ first: 8, told: 1 });
    expect(await read(3, 9)).toEqual([8, 2, 8, 9]);
    expect(counts.get('gap hole')).toBeUndefined();
  });
});
