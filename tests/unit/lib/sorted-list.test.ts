import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSortedList, type SortedList } from '../../../src/lib/sorted-list.js';

const byKey = (a: { key: number }, b: { key: number }): number => a.key - b.key;

/** Whether the list says that it holds this already; otherwise it is as before. */
function refuses(list: SortedList<{ key: number }>, key: number): boolean {
  try {
    list.add({ key });
  } catch (error) {
    return error instanceof RangeError;
  }
  list.remove({ key });
  return false;
}

describe('a sorted list', () => {
  it('does what a sorted array does', () => {
    const step = fc.record({ add: fc.boolean(), key: fc.nat(40) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const list = createSortedList(byKey);
        const model = new Set<number>();
        const results: [boolean, boolean][] = [];
        for (const { add, key } of steps) {
          const has = model.has(key);
          if (!add) {
            results.push([list.remove({ key }), model.delete(key)]);
          } else if (!has) {
            list.add({ key });
            model.add(key);
          }
          results.push([refuses(list, key), model.has(key)]);
          const keys = [...model].sort((a, b) => a - b);
          expect(list.head(1000).map((item) => item.key)).toEqual(keys);
          expect(list.first()?.key).toBe(keys[0]);
          expect(list.size).toBe(keys.length);
        }
        for (const [result, expected] of results) expect(result).toBe(expected);
      }),
    );
  });

  it('keeps its order over many blocks, whatever the order of coming and going', () => {
    const list = createSortedList(byKey);
    const keys = Array.from({ length: 20_000 }, (_, index) => (index * 7919) % 20_000);
    for (const key of keys) list.add({ key });
    expect(list.head(20_001).map((item) => item.key)).toEqual(keys.toSorted((a, b) => a - b));
    expect(list.head(3).map((item) => item.key)).toEqual([0, 1, 2]);
    for (const key of keys.filter((key) => key % 3 !== 0)) expect(list.remove({ key })).toBe(true);
    expect(list.head(3).map((item) => item.key)).toEqual([0, 3, 6]);
    expect(list.size).toBe(6667);
  });
});
