import { LRUCache } from 'lru-cache';
import { CodedError } from '../lib/coded-error.js';
import type { Delivery, Followed } from '../lib/followed.js';
import type { Logger } from '../lib/logger.js';
import type { Snapshot } from '../presence/presence-store.js';
import { changeBetween } from './rank.js';
import { decodeRankingCursor, encodeRankingCursor, type Revision } from './ranking-cursor.js';
import type { RankingChange } from './ranking-service.js';
import { keyOf, type Snapshots } from './snapshots.js';

/** Where a subscriber stands that has seen nothing: its first event holds the whole list. */
const NOTHING = '';
/** Changes kept at hand: those to the newest revision, from the few that subscribers stand at. */
const KEPT_CHANGES = 256;
/** Positions per source that are known to show what a later revision shows. */
const KEPT_EQUALS = 1024;

type RankingDelivery = Delivery<string, RankingChange>;

function parsePosition(position: string): Revision {
  const dot = position.lastIndexOf('.');
  return { epoch: position.slice(0, dot), revision: Number(position.slice(dot + 1)) };
}

/**
 * The changes of the first rooms of the list. Positions name revisions. A change is worked out from two
 * snapshots, once per (from, to, how many rooms), and shared by all who need it; so a subscriber may skip
 * revisions, and any instance continues where another stopped.
 */
export function createRankingChanges({
  snapshots,
  log,
}: {
  readonly snapshots: Snapshots;
  readonly log: Logger;
}): { follow(first: number): Followed<string, RankingChange> } {
  const changes = new LRUCache<string, { change: RankingChange | null }>({ max: KEPT_CHANGES });

  function cursorOf({ epoch, revision }: Revision, first: number): string {
    return encodeRankingCursor({ kind: 'resume', epoch, revision, first });
  }

  /** The change from one snapshot (null: from nothing) to another; null when nothing in the watched part changed. */
  function changeOf(from: Snapshot | null, to: Snapshot, first: number): RankingDelivery | null {
    const position = keyOf(to);
    const identity = `${first}:${from === null ? NOTHING : keyOf(from)}>${position}`;
    let known = changes.get(identity);
    if (known === undefined) {
      const watched = to.rooms.slice(0, first);
      const cursor = cursorOf(to, first);
      const part =
        from === null
          ? { standings: watched, order: watched.map((room) => room.roomId) }
          : changeBetween(from.rooms.slice(0, first), watched);
      known = { change: part === null ? null : { cursor, complete: from === null, ...part } };
      changes.set(identity, known);
    }
    return known.change === null ? null : { identity, event: known.change, position };
  }

  function follow(first: number): Followed<string, RankingChange> {
    /** Position → the newest snapshot that shows the same there: no event moves a subscriber of a quiet list. */
    const equals = new LRUCache<string, Snapshot>({ max: KEPT_EQUALS });

    function deliver(position: string, from: Snapshot | null, to: Snapshot): readonly RankingDelivery[] {
      // The cursor is of an instance that is ahead of this one: its changes come once this one has caught up.
      if (from !== null && from.epoch === to.epoch && from.revision > to.revision) return [];
      const delivery = changeOf(from, to, first);
      if (delivery !== null) return [delivery];
      equals.set(position, to);
      return [];
    }

    async function fetchAndDeliver(position: string): Promise<readonly RankingDelivery[]> {
      const from = await snapshots.fetch(parsePosition(position)).catch((error: unknown) => {
        log.debug({ err: error, position }, 'the snapshot cannot be read; the whole list is sent');
        return null;
      });
      const to = snapshots.newest();
      if (to === undefined) return [];
      return deliver(position, from, to);
    }

    return {
      async begin(after) {
        if (after === null) return NOTHING;
        const cursor = decodeRankingCursor(after);
        if (cursor.kind !== 'resume') {
          throw new CodedError('BAD_CURSOR', 'This cursor is not one to resume changes from.');
        }
        return cursor.first === first ? keyOf(cursor) : NOTHING;
      },
      read(position) {
        const to = snapshots.newest();
        if (to === undefined || position === keyOf(to)) return [];
        if (position === NOTHING) return deliver(position, null, to);
        const from = equals.get(position) ?? snapshots.get(parsePosition(position));
        if (from === to) return [];
        return from === undefined ? fetchAndDeliver(position) : deliver(position, from, to);
      },
      onAdvance: (listener) => snapshots.onAdvance(listener),
      close: () => equals.clear(),
    };
  }

  return { follow };
}
