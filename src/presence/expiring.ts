import { createSortedList } from '../lib/sorted-list.js';

/** Something that ends by itself. */
export interface Expires {
  /** Unlike that of any other item: which of two that end at once is first. */
  readonly order: number;
  expiresAt: number;
}

/** Things that end by themselves, the one that ends first at hand. */
export interface Expiring<Item extends Expires> {
  add(item: Item): void;
  /** Moves the end of an item that is there, never to an earlier time. */
  prolong(item: Item, expiresAt: number): void;
  /** Takes out an item; nothing happens when it is not there. */
  remove(item: Item): void;
  /** The one that ends first, if it has ended at `now`. */
  ended(now: number): Item | undefined;
}

export function createExpiring<Item extends Expires>(): Expiring<Item> {
  const ordered = createSortedList<Item>((a, b) => a.expiresAt - b.expiresAt || a.order - b.order);
  return {
    add: (item) => ordered.add(item),
    prolong(item, expiresAt) {
      if (expiresAt <= item.expiresAt) return;
      ordered.remove(item);
      item.expiresAt = expiresAt;
      ordered.add(item);
    },
    remove: (item) => void ordered.remove(item),
    ended(now) {
      const first = ordered.first();
      return first !== undefined && first.expiresAt <= now ? first : undefined;
    },
  };
}
