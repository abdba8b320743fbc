import { MS_PER_SECOND, type Clock } from '../lib/clock.js';
import type { Chance } from '../lib/ids.js';
import type { Logger } from '../lib/logger.js';
import { PINNED_ROOMS, type PresenceStore, type Snapshot } from '../presence/presence-store.js';
import type { PubSub } from '../pubsub/pubsub.js';
import type { RoomStore } from '../rooms/room-store.js';
import { compareRooms, type Rankable } from './rank.js';
import type { Revision } from './ranking-cursor.js';
import { keyOf, type Snapshots } from './snapshots.js';

/** How often to ask for the very first snapshot, in milliseconds. */
const FIRST_SNAPSHOT_MS = 50;
/** How long after the start rooms are not shown without visitors: the presence store may still be connecting. */
const START_PATIENCE_MS = 1000;
/** How long to wait after the store failed, at most, in milliseconds. */
const RETRY_MS = 1000;
/** How long listing the rooms without the presence store may take, in milliseconds. */
const LIST_DEADLINE_MS = 30_000;

/**
 * Keeps `snapshots` up to date: ticks the store, one call at a time, and takes over what it or another instance
 * took. Nobody leads: whoever ticks first when an interval has passed takes the snapshot.
 *
 * Without the presence store from the start, it lists the rooms of the durable store with no visitors.
 */
export function createRankingTicker({
  store,
  rooms,
  pubsub,
  snapshots,
  clock,
  chance,
  log,
  intervalMs,
}: {
  readonly store: PresenceStore;
  readonly rooms: RoomStore;
  readonly pubsub: PubSub;
  readonly snapshots: Snapshots;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly log: Logger;
  readonly intervalMs: number;
}): { stop(): Promise<void> } {
  /** What the last answer said is the newest, fetched or not. */
  let known: Revision = { epoch: '', revision: 0 };
  const startedAt = clock.monotonic();
  const stopping = new AbortController();
  let away = false;
  let wake: (() => void) | undefined;

  const isNew = (found: Revision): boolean => {
    const newest = snapshots.newest();
    return found.epoch === known.epoch && (newest?.epoch !== known.epoch || found.revision > newest.revision);
  };

  async function takeOver(revision: Revision): Promise<void> {
    const snapshot = await snapshots.fetch(revision);
    if (snapshot !== null && isNew(snapshot)) snapshots.adopt(snapshot);
  }

  /** Asks once; how long to wait for the next time. */
  async function tick(): Promise<number> {
    const { epoch, revision, taken, waitMs } = await store.tick(known.epoch, known.revision);
    known = { epoch, revision };
    if (away) log.info({ epoch, revision }, 'the ranking goes on');
    away = false;
    if (taken !== null && isNew(taken)) snapshots.adopt(taken);
    else if (revision > 0 && isNew(known)) await takeOver(known);
    return Math.min(waitMs, intervalMs, snapshots.newest() === undefined ? FIRST_SNAPSHOT_MS : intervalMs);
  }

  /** All rooms as the durable store has them, with no visitors. Its revision belongs to this instance alone. */
  async function listWithoutVisitors(): Promise<Snapshot> {
    let first: (Rankable & { messageCount: number })[] = [];
    let total = 0;
    const signal = AbortSignal.any([clock.deadline(LIST_DEADLINE_MS), stopping.signal]);
    for await (const batch of rooms.activities(null, signal)) {
      total += batch.length;
      const listed = batch.map(({ id, head, activeAt }) => ({
        roomId: id,
        recentVisitorCount: 0,
        messageCount: head,
        activeSecond: Math.floor(activeAt.getTime() / MS_PER_SECOND),
      }));
      first = [...first, ...listed].sort(compareRooms).slice(0, PINNED_ROOMS);
    }
    return {
      epoch: `own${clock.now()}x${Math.floor(chance() * 2 ** 32)}`,
      revision: 1,
      rooms: first.map(({ roomId, messageCount }) => ({
        roomId,
        recentVisitorCount: 0,
        onlineCount: 0,
        messageCount,
      })),
      total,
    };
  }

  async function failed(error: unknown): Promise<number> {
    if (!away) log.warn({ err: error }, 'the ranking stands still: the presence store is away');
    away = true;
    if (snapshots.newest() !== undefined) return Math.min(intervalMs, RETRY_MS);
    if (clock.monotonic() - startedAt >= START_PATIENCE_MS) {
      try {
        snapshots.adopt(await listWithoutVisitors());
      } catch (cause) {
        if (!stopping.signal.aborted) log.warn({ err: cause }, 'the rooms cannot be listed yet');
      }
    }
    return FIRST_SNAPSHOT_MS;
  }

  async function loop(): Promise<void> {
    while (!stopping.signal.aborted) {
      const ms = await tick().catch(failed);
      if (stopping.signal.aborted) return;
      await new Promise<void>((resolve) => {
        const cancel = clock.after(ms, resolve);
        wake = () => {
          cancel();
          resolve();
        };
      });
    }
  }

  const subscription = pubsub.subscribe('roomRanking', 'all', (found) => {
    if (found.epoch !== known.epoch) {
      wake?.();
    } else if (isNew(found)) {
      known = found;
      takeOver(found).catch((error: unknown) =>
        log.debug({ err: error, revision: keyOf(found) }, 'a snapshot is read later'),
      );
    }
  });
  const ended = loop();

  return {
    async stop() {
      stopping.abort();
      subscription.close();
      wake?.();
      await ended;
    },
  };
}
