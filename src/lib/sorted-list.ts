/** Items in the order of a comparison. No two items may compare as equal. */
export interface SortedList<Item> {
  readonly size: number;
  /** @throws RangeError when an item that compares as equal is there already. */
  add(item: Item): void;
  /** Takes out the item that compares as equal; false when there is none. */
  remove(item: Item): boolean;
  /** The first `count` items. */
  head(count: number): Item[];
  /** The first item, if there is one. */
  first(): Item | undefined;
}

/** Longest run of items that is kept in one array: short enough to shift, long enough to need few of them. */
const MAX_BLOCK_ITEMS = 512;

/**
 * A list cut into short sorted blocks: `add` and `remove` search two small arrays and shift part of one, so
 * their cost hardly depends on the length (100,000 items are some 300 blocks), and `head` copies what it gives.
 */
export function createSortedList<Item extends object>(
  compare: (a: Item, b: Item) => number,
): SortedList<Item> {
  const blocks: Item[][] = [];
  let size = 0;

  /** How many of `length` ordered elements are below: the index of the first that is not. */
  function countBelow(length: number, isBelow: (index: number) => boolean): number {
    let low = 0;
    let high = length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (isBelow(middle)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
  const isBelow = (one: Item | undefined, item: Item): boolean => one !== undefined && compare(one, item) < 0;
  const blockOf = (item: Item): number =>
    countBelow(blocks.length, (index) => isBelow(blocks[index]?.at(-1), item));
  const indexIn = (block: readonly Item[], item: Item): number =>
    countBelow(block.length, (index) => isBelow(block[index], item));

  return {
    get size() {
      return size;
    },
    add(item) {
      const at = Math.min(blockOf(item), Math.max(blocks.length - 1, 0));
      const block = blocks[at];
      if (block === undefined) {
        blocks.push([item]);
      } else {
        const index = indexIn(block, item);
        const next = block[index];
        if (next !== undefined && compare(next, item) === 0)
          throw new RangeError('The item is there already.');
        block.splice(index, 0, item);
        if (block.length > MAX_BLOCK_ITEMS) blocks.splice(at + 1, 0, block.splice(block.length >>> 1));
      }
      size += 1;
    },
    remove(item) {
      const at = blockOf(item);
      const block = blocks[at];
      if (block === undefined) return false;
      const index = indexIn(block, item);
      const found = block[index];
      if (found === undefined || compare(found, item) !== 0) return false;
      block.splice(index, 1);
      if (block.length === 0) blocks.splice(at, 1);
      size -= 1;
      return true;
    },
    head(count) {
      const items: Item[] = [];
      for (const block of blocks) {
        if (items.length >= count) break;
        items.push(...block.slice(0, count - items.length));
      }
      return items;
    },
    first: () => blocks[0]?.[0],
  };
}
