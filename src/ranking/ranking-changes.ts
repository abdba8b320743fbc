import { LRUCache } from 'lru-cache';
import type { Clock } from '../lib/clock.js';
import { CodedError } from '../lib/coded-error.js';
import type { Delivery, Followed } from '../lib/followed.js';
import type { Logger } from '../lib/logger.js';
import type { Snapshot } from '../presence/presence-store.js';
import { createPace } from './pace.js';
import { changeBetween, type RankingChange } from './rank.js';
import { decodeRankingCursor, encodeRankingCursor, type Revision } from './ranking-cursor.js';
import { keyOf, type Snapshots } from './snapshots.js';
import { createWaker } from './waker.js';

/** Where a subscriber stands that has seen nothing: its first event holds the whole list. */
const NOTHING = '';
/** Changes kept at hand: those to the newest revision, from the few that subscribers stand at. */
const KEPT_CHANGES = 256;
/** Positions per source that are known to show what a later revision shows. */
const KEPT_EQUALS = 1024;

type RankingDelivery = Delivery<string, RankingChange>;

/** Where a subscriber stands. */
interface Place {
  /** `keyOf` its revision, or `NOTHING`. */
  readonly at: string;
  /** When it got its last event; of a newcomer, when it began. On the monotonic clock, in steps of the pace. */
  readonly since: number;
  /** Whether it got no event yet: its first one does not wait. */
  readonly newcomer: boolean;
}

const positionOf = ({ at, since, newcomer }: Place): string => `${at}@${since}${newcomer ? '@' : ''}`;

function parsePosition(position: string): Place {
  const [at = '', since, ...rest] = position.split('@');
  return { at, since: Number(since), newcomer: rest.length > 0 };
}

function parseRevision(key: string): Revision {
  const dot = key.lastIndexOf('.');
  return { epoch: key.slice(0, dot), revision: Number(key.slice(dot + 1)) };
}

/**
 * The changes of the first rooms of the list. Positions name revisions. A change is worked out from two
 * snapshots, once per (from, to, how many rooms), and shared by all who need it; so a subscriber may skip
 * revisions, and any instance continues where another stopped. An interval is kept between two events.
 */
export function createRankingChanges({
  snapshots,
  clock,
  log,
  intervalMs,
}: {
  readonly snapshots: Snapshots;
  readonly clock: Clock;
  readonly log: Logger;
  /** Shortest time between two events, in milliseconds. */
  readonly intervalMs: number;
}): { follow(first: number): Followed<string, RankingChange> } {
  const changes = new LRUCache<string, { change: RankingChange | null }>({ max: KEPT_CHANGES });
  const pace = createPace({ intervalMs });

  function cursorOf({ epoch, revision }: Revision, first: number): string {
    return encodeRankingCursor({ kind: 'resume', epoch, revision, first });
  }

  /** The change from one snapshot (null: from nothing) to another; null when nothing in the watched part changed. */
  function changeOf(from: Snapshot | null, to: Snapshot, first: number) {
    const identity = `${first}:${from === null ? NOTHING : keyOf(from)}>${keyOf(to)}`;
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
    return { identity, event: known.change };
  }

  function follow(first: number): Followed<string, RankingChange> {
    /** Revision → the newest snapshot that shows the same there: no event moves a subscriber of a quiet list. */
    const equals = new LRUCache<string, Snapshot>({ max: KEPT_EQUALS });
    const woken = createWaker(clock, log);

    function deliver(place: Place, from: Snapshot | null, to: Snapshot): readonly RankingDelivery[] {
      // The cursor is of an instance that is ahead of this one: its changes come once this one has caught up.
      if (from !== null && from.epoch === to.epoch && from.revision > to.revision) return [];
      const { identity, event } = changeOf(from, to, first);
      if (event === null) {
        equals.set(place.at, to);
        return [];
      }
      const now = clock.monotonic();
      const due = place.newcomer ? place.since : pace.dueAt(place.since, snapshots.adoptedAt());
      if (now < due && !place.newcomer) {
        woken.wakeAt(due);
        return [];
      }
      const position = positionOf({ at: keyOf(to), since: pace.momentOf(due, now), newcomer: false });
      return [{ identity, event, position }];
    }

    async function fetchAndDeliver(place: Place): Promise<readonly RankingDelivery[]> {
      const from = await snapshots.fetch(parseRevision(place.at)).catch((error: unknown) => {
        log.debug({ err: error, at: place.at }, 'the snapshot cannot be read; the whole list is sent');
        return null;
      });
      const to = snapshots.newest();
      return to === undefined ? [] : deliver(place, from, to);
    }

    return {
      async begin(after) {
        let at = NOTHING;
        if (after !== null) {
          const cursor = decodeRankingCursor(after);
          if (cursor.kind !== 'resume') {
            throw new CodedError('BAD_CURSOR', 'This cursor is not one to resume changes from.');
          }
          if (cursor.first === first) at = keyOf(cursor);
        }
        return positionOf({ at, since: pace.stepAfter(clock.monotonic()), newcomer: true });
      },
      read(position) {
        const to = snapshots.newest();
        const place = parsePosition(position);
        if (to === undefined || place.at === keyOf(to)) return [];
        if (place.at === NOTHING) return deliver(place, null, to);
        const from = equals.get(place.at) ?? snapshots.get(parseRevision(place.at));
        if (from === to) return [];
        return from === undefined ? fetchAndDeliver(place) : deliver(place, from, to);
      },
      onAdvance(listener) {
        const ends = [snapshots.onAdvance(listener), woken.onWake(listener)];
        return () => ends.forEach((end) => end());
      },
      close() {
        woken.close();
        equals.clear();
      },
    };
  }

  return { follow };
}
