import { createSortedList } from '../lib/sorted-list.js';

/** Something that ends by itself. */
export interface Expires {
  readonly key: string;
  expiresAt: number;
}

/** Things by key that end by themselves, the one that ends first at hand. */
export interface Expiring<Item extends Expires> {
  /** Adds it, or prolongs the one with its key, never shortens it. Whether it was added. */
  extend(item: Item): boolean;
  /** Takes out the one with this key, if there is one. */
  remove(key: string): Item | undefined;
  /** The one that ends first, if it has ended at `now`. */
  ended(now: number): Item | undefined;
}

export function createExpiring<Item extends Expires>(): Expiring<Item> {
  const items = new Map<string, Item>();
  const ordered = createSortedList<Item>(
    (a, b) => a.expiresAt - b.expiresAt || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0),
  );
  return {
    extend(item) {
      const known = items.get(item.key);
      if (known === undefined) {
        items.set(item.key, item);
        ordered.add(item);
        return true;
      }
      if (item.expiresAt > known.expiresAt) {
        ordered.remove(known);
        known.expiresAt = item.expiresAt;
        ordered.add(known);
      }
      return false;
    },
    remove(key) {
      const item = items.get(key);
      if (item === undefined) return undefined;
      items.delete(key);
      ordered.remove(item);
      return item;
    },
    ended(now) {
      const first = ordered.first();
      return first !== undefined && first.expiresAt <= now ? first : undefined;
    },
  };
}
