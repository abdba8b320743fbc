import type { Clock } from '../lib/clock.js';
import type { Logger } from '../lib/logger.js';
import { createOutbox } from '../lib/outbox.js';
import type { RoomStore } from '../rooms/room-store.js';
import type { Sighting } from './sightings.js';
import type { VisitJournal } from './visit-journal.js';

/** How often what lags is written, in milliseconds. */
const LAG_MS = 1000;
const MAX_BATCH = 1000;
/** Visits that wait for a journal that is away; without it hardly any visit succeeds anyhow. */
const MAX_UNWRITTEN = 50_000;
/** How long a write may take, in milliseconds. */
const DEADLINE_MS = 5000;
/** How long after a visit it may be written and still be found by a healing, which looks back twice as far. */
const LATE_MS = 60_000;
/** How long all that waits may take at the end, in milliseconds: a stop has 25 s, of which a drain and the writers take 20. */
export const STOP_LIMIT_MS = 2500;

/** What the durable stores learn late and in bulk: how far the rooms are, and who was seen. */
export interface PresenceLag {
  activity(roomId: string, number: number, at: Date): void;
  /** The visitor was seen when it was last seen. */
  seen(sighting: Sighting): void;
  /** Writes what waits as far as there is time, then ends. */
  stop(): Promise<void>;
}

export function createPresenceLag({
  rooms,
  journal,
  onLate,
  clock,
  log,
}: {
  readonly rooms: RoomStore;
  readonly journal: VisitJournal;
  /** It was written too late for a healing to find it: a store that forgot meanwhile is to be told of it. */
  readonly onLate: (sighting: Sighting) => void;
  readonly clock: Clock;
  readonly log: Logger;
}): PresenceLag {
  const stopping = new AbortController();
  const deadline = (): AbortSignal => AbortSignal.any([clock.deadline(DEADLINE_MS), stopping.signal]);
  const timing = { clock, log, delayMs: LAG_MS, retryMs: LAG_MS, maxBatch: MAX_BATCH };

  const heads = createOutbox<{ id: string; head: number; activeAt: Date }>({
    name: 'heads of rooms',
    ...timing,
    merge: (a, b) => ({
      id: a.id,
      head: Math.max(a.head, b.head),
      activeAt: a.activeAt > b.activeAt ? a.activeAt : b.activeAt,
    }),
    async send(batch) {
      await rooms.raise(batch, deadline());
      return [];
    },
  });

  const visits = createOutbox<Sighting>({
    name: 'journal of visits',
    ...timing,
    merge: (_, visit) => visit,
    limit: { maxWaiting: MAX_UNWRITTEN, mayDrop: () => true, onDropped: () => undefined },
    async send(batch) {
      const now = clock.monotonic();
      const aged = batch.map(({ roomId, visitorId, seenAt }) => ({ roomId, visitorId, ageMs: now - seenAt }));
      await journal.record(aged, deadline());
      for (const [index, { ageMs }] of aged.entries()) {
        const sighting = batch[index];
        if (ageMs > LATE_MS && sighting !== undefined) onLate(sighting);
      }
      return [];
    },
  });

  return {
    activity: (roomId, number, at) => heads.put(roomId, { id: roomId, head: number, activeAt: at }),
    seen: (sighting) => visits.put(sighting.key, sighting),
    async stop() {
      const cancel = clock.after(STOP_LIMIT_MS, () => stopping.abort(new Error('The server stops.')));
      await Promise.all([heads.drain(), visits.drain()]);
      cancel();
      heads.stop();
      visits.stop();
    },
  };
}
