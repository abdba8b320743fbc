import { LRUCache } from 'lru-cache';
import type { Clock } from '../lib/clock.js';
import { unavailable } from '../lib/coded-error.js';
import { createListeners } from '../lib/listeners.js';
import type { Logger } from '../lib/logger.js';
import type { PresenceStore, RankedRoom, Snapshot } from '../presence/presence-store.js';
import { sameStanding } from './rank.js';
import type { Revision } from './ranking-cursor.js';

/** Snapshots kept in memory: two minutes at the default interval, so that nearly every resumption is answered at once. */
const KEPT_SNAPSHOTS = 150;

/** The snapshots of the ranking that this instance has at hand, and the newest of them. */
export interface Snapshots {
  newest(): Snapshot | undefined;
  /** When the newest one was adopted, on the monotonic clock. */
  adoptedAt(): number;
  /** Resolves with the newest one as soon as there is one. @throws CodedError `UNAVAILABLE` when `signal` aborts. */
  ready(signal: AbortSignal): Promise<Snapshot>;
  /** From memory. */
  get(revision: Revision): Snapshot | undefined;
  /** From the store, one read for all that ask at once; null when it is gone. @throws CodedError `UNAVAILABLE` when the store is away. */
  fetch(revision: Revision): Promise<Snapshot | null>;
  /** Makes it the newest one, and tells those who follow. */
  adopt(snapshot: Snapshot): void;
  /** The room in the newest snapshot. */
  room(roomId: string): RankedRoom | undefined;
  onAdvance(listener: () => void): () => void;
}

export const keyOf = ({ epoch, revision }: Revision): string => `${epoch}.${revision}`;

export function createSnapshots({
  store,
  clock,
  log,
}: {
  readonly store: Pick<PresenceStore, 'snapshot'>;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly log: Pick<Logger, 'error'>;
}): Snapshots {
  const kept = new LRUCache<string, Snapshot>({ max: KEPT_SNAPSHOTS });
  const fetching = new Map<string, Promise<Snapshot | null>>();
  const listeners = createListeners((error) => log.error({ err: error }, 'snapshots: a listener failed'));
  let newest: Snapshot | undefined;
  let adoptedAt = Number.NEGATIVE_INFINITY;
  let index: Map<string, RankedRoom> | undefined;

  const indexed = (): Map<string, RankedRoom> =>
    (index ??= new Map((newest?.rooms ?? []).map((room) => [room.roomId, room])));

  async function read(revision: Revision): Promise<Snapshot | null> {
    const found = await store.snapshot(revision.epoch, revision.revision).catch((error: unknown) => {
      throw unavailable(error);
    });
    if (found !== null) kept.set(keyOf(found), found);
    return found;
  }

  return {
    newest: () => newest,
    adoptedAt: () => adoptedAt,
    ready(signal) {
      if (newest !== undefined) return Promise.resolve(newest);
      return new Promise((resolve, reject) => {
        const settle = (): void => {
          end();
          signal.removeEventListener('abort', settle);
          if (newest === undefined) reject(unavailable(signal.reason));
          else resolve(newest);
        };
        const end = listeners.add(settle);
        signal.addEventListener('abort', settle);
        if (signal.aborted) settle();
      });
    },
    get: (revision) => kept.get(keyOf(revision)),
    fetch(revision) {
      const key = keyOf(revision);
      const promise = fetching.get(key) ?? read(revision).finally(() => fetching.delete(key));
      fetching.set(key, promise);
      return promise;
    },
    adopt(snapshot) {
      // Rooms that did not change share one object over all snapshots: a snapshot then costs its references.
      const before = indexed();
      const rooms = snapshot.rooms.map((room) => {
        const old = before.get(room.roomId);
        return old !== undefined && sameStanding(old, room) ? old : room;
      });
      newest = { ...snapshot, rooms };
      adoptedAt = clock.monotonic();
      index = undefined;
      kept.set(keyOf(newest), newest);
      listeners.tell();
    },
    room: (roomId) => indexed().get(roomId),
    onAdvance: listeners.add,
  };
}
