import { LRUCache } from 'lru-cache';
import { throughCache } from '../lib/through-cache.js';
import type { Visitor } from './visitor.js';

/** How many names an instance remembers. */
const NAMES_KEPT = 20_000;
/** A lost announcement of a rename shows the old name for this long at most, or for as long after the store is back. */
const NAME_TTL_MS = 10_000;
/** A name that was announced, as one that was read long ago: it is asked for, unless the store is away. */
const ANNOUNCED = { ttl: 1, start: 1 };

/** Visitors with their present names, as far as an instance knows them. */
export interface KnownNames {
  /** The visitor, if its present name is at hand. */
  get(visitorId: string): Visitor | undefined;
  /** The visitor by the name that was known last, however long ago. */
  last(visitorId: string): Visitor | undefined;
  set(visitor: Visitor): void;
  /** It got another name: what is known of it is asked for again. */
  announced(visitorId: string, displayName: string): void;
  /** Visitors by id: those at hand, and what `read` finds of the rest. */
  byIds(
    visitorIds: readonly string[],
    read: (missing: readonly string[]) => Promise<readonly Visitor[]>,
  ): Promise<ReadonlyMap<string, Visitor>>;
}

export function createKnownNames(): KnownNames {
  const names = new LRUCache<string, Visitor>({
    max: NAMES_KEPT,
    ttl: NAME_TTL_MS,
    noDeleteOnStaleGet: true,
  });
  /** For each read that is under way the names that were announced meanwhile: what it finds may be older. */
  const announcedMeanwhile = new Set<Map<string, string>>();

  function askAgain(visitorId: string, displayName: string): void {
    const known = names.peek(visitorId, { allowStale: true });
    if (known !== undefined) names.set(visitorId, { ...known, displayName }, ANNOUNCED);
  }

  return {
    get: (visitorId) => names.get(visitorId),
    last: (visitorId) => names.get(visitorId, { allowStale: true }),
    set: (visitor) => void names.set(visitor.id, visitor),
    announced(visitorId, displayName) {
      askAgain(visitorId, displayName);
      for (const meanwhile of announcedMeanwhile) meanwhile.set(visitorId, displayName);
    },
    async byIds(visitorIds, read) {
      const meanwhile = new Map<string, string>();
      try {
        return await throughCache(names, visitorIds, (missing) => {
          announcedMeanwhile.add(meanwhile);
          return read(missing);
        });
      } finally {
        announcedMeanwhile.delete(meanwhile);
        for (const [visitorId, displayName] of meanwhile) askAgain(visitorId, displayName);
      }
    },
  };
}
