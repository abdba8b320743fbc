import type { LRUCache } from 'lru-cache';

/** Gives items by id: what the cache has, and what `read` finds of the rest, which it has from then on. */
export async function throughCache<Item extends { readonly id: string }>(
  cache: LRUCache<string, Item>,
  ids: readonly string[],
  read: (missing: readonly string[]) => Promise<readonly Item[]>,
): Promise<ReadonlyMap<string, Item>> {
  const found = new Map<string, Item>();
  const missing: string[] = [];
  for (const id of new Set(ids)) {
    const item = cache.get(id);
    if (item === undefined) missing.push(id);
    else found.set(id, item);
  }
  if (missing.length > 0) {
    for (const item of await read(missing)) {
      cache.set(item.id, item);
      found.set(item.id, item);
    }
  }
  return found;
}
