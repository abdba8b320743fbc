import { sleep, type Clock } from '../lib/clock.js';
import type { Logger } from '../lib/logger.js';
import { slices } from '../lib/slices.js';
import type { MessageStore } from '../messages/message-store.js';
import type { RoomActivity, RoomStore } from '../rooms/room-store.js';
import { MAX_STORE_BATCH, type Beat, type Duty, type PresenceStore } from './presence-store.js';
import type { VisitJournal } from './visit-journal.js';

/** How far before the last healing the next one looks back, in milliseconds: longer than any command is under way. */
const OVERLAP_MS = 120_000;
/** The same for rooms, whose age is by the clock of who made them: by so much that may be slow. */
const ROOM_OVERLAP_MS = 3_600_000;
/**
 * How long after the last healing the next one reads all recent visits, in milliseconds: there is one each minute, so that
 * the store was away, or its clock was set ahead and took visits away that had time.
 */
const PAUSE_MS = 240_000;
/**
 * How long one step may take: who is stuck gives the duty up, for it is kept as long as its holder lives. However many
 * steps there are: where a store is slow, the next one would get no further.
 */
const STEP_DEADLINE_MS = 5000;
/** A call that fails is repeated: one of thousands must not undo the others. */
const TRIES = 3;
const RETRY_MS = 200;

/** What is under way, and until when. */
interface Work {
  /** Aborts when it must end. */
  readonly signal: AbortSignal;
  /** A step was done: there is time for another one. @throws the reason when it must end. */
  readonly stepped: () => void;
  readonly end: () => void;
}

function createWork(clock: Clock, stopping: AbortSignal): Work {
  const stuck = new AbortController();
  const signal = AbortSignal.any([stuck.signal, stopping]);
  let cancel = (): void => undefined;

  function wait(): void {
    cancel = clock.after(STEP_DEADLINE_MS, () => stuck.abort(new Error('A store does not answer.')));
  }

  wait();
  return {
    signal,
    stepped() {
      signal.throwIfAborted();
      cancel();
      wait();
    },
    end: () => cancel(),
  };
}

/**
 * Fills the presence store from what is durable: all rooms and all recent visits when it forgot (`load`), what
 * is new since the last time each minute (`heal`: for an instance that died between storing a room or a message
 * and telling the store, or a long outage). Repeating any of it changes nothing.
 *
 * Healing finds the message that nobody was told of in every room that is listed at the top or was visited
 * lately; in another one the next message, or somebody who follows the room, does it.
 */
export function createPresenceLoader({
  store,
  rooms,
  messages,
  journal,
  listed,
  onLag,
  instance,
  clock,
  log,
  windowMs,
}: {
  readonly store: PresenceStore;
  readonly rooms: RoomStore;
  readonly messages: Pick<MessageStore, 'get' | 'newest'>;
  readonly journal: VisitJournal;
  /** The rooms at the top of the list. */
  readonly listed: () => readonly string[];
  /** A room is further than its record says. */
  readonly onLag: (roomId: string, number: number, at: Date) => void;
  readonly instance: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly windowMs: number;
}): {
  /** Never rejects; false when a store failed, and somebody else had better try. */
  fulfil(beat: Beat, duty: Duty, stopping: AbortSignal): Promise<boolean>;
} {
  async function insist<Result>(call: () => Promise<Result>, signal: AbortSignal): Promise<Result> {
    for (let tries = 1; tries < TRIES; tries += 1) {
      try {
        return await call();
      } catch {
        await sleep(clock, RETRY_MS);
        signal.throwIfAborted();
      }
    }
    return call();
  }

  /** What these lag behind the rooms' logs: numbers are dense, so one look behind each head tells. */
  async function catchUp(
    batch: readonly Pick<RoomActivity, 'id' | 'head'>[],
    { signal, stepped }: Work,
  ): Promise<void> {
    const behind = batch.map(({ id, head }) => ({ logId: id, number: head + 1 }));
    for (const { logId } of await messages.get(behind, 'majority', signal)) {
      stepped();
      const newest = await messages.newest(logId, null, signal);
      if (newest === null) continue;
      await store.raise([{ roomId: logId, number: newest.number, at: newest.createdAt.getTime() }]);
      onLag(logId, newest.number, newest.createdAt);
    }
  }

  /** The messages that the store was not told of. */
  async function healNumbers(roomIds: readonly string[], work: Work): Promise<void> {
    for (const batch of slices(roomIds, MAX_STORE_BATCH)) {
      work.stepped();
      const { rooms: counted } = await store.counts(batch);
      await catchUp(
        batch.map((id) => ({ id, head: counted.get(id)?.messageCount ?? 0 })),
        work,
      );
    }
  }

  async function fill(
    startedAt: number,
    since: number | null,
    work: Work,
    goOn: () => Promise<boolean>,
  ): Promise<boolean> {
    const madeSince = since === null ? null : new Date(since + OVERLAP_MS - ROOM_OVERLAP_MS);
    for await (const found of rooms.activities(madeSince, work.signal)) {
      for (const batch of slices(found, MAX_STORE_BATCH)) {
        if (!(await goOn())) return false;
        const raises = batch.map(({ id, head, activeAt }) => {
          // A clock that is ahead wrote the record, and its instance told when that was by the store's: no news.
          const isAhead = since !== null && activeAt.getTime() > startedAt;
          return { roomId: id, number: head, at: isAhead ? 0 : activeAt.getTime() };
        });
        await insist(() => store.raise(raises), work.signal);
        await catchUp(batch, work);
      }
    }
    // From before the query, so that a slow answer makes no visit younger than it is; from after the rooms, which take
    // their time.
    const { now } = await insist(() => store.counts([]), work.signal);
    const isLong = since === null || startedAt - since > PAUSE_MS;
    const maxAgeMs = isLong ? windowMs : Math.min(windowMs, now - since);
    const lively = new Set(since === null ? [] : listed());
    for await (const found of journal.recent(maxAgeMs, work.signal)) {
      if (since !== null) for (const { roomId } of found) lively.add(roomId);
      for (const batch of slices(found, MAX_STORE_BATCH)) {
        if (!(await goOn())) return false;
        const touches = batch.map(({ roomId, visitorId, ageMs }) => ({
          kind: 'visit' as const,
          roomId,
          visitorId,
          at: now - ageMs,
        }));
        await insist(() => store.touch(instance, touches), work.signal);
      }
    }
    await healNumbers([...lively], work);
    return goOn();
  }

  return {
    async fulfil({ now, epoch }, { kind, healedAt }, stopping) {
      const began = clock.monotonic();
      const since = kind === 'load' || healedAt === null ? null : healedAt - OVERLAP_MS;
      const work = createWork(clock, stopping);
      const goOn = async (): Promise<boolean> => {
        work.stepped();
        return kind === 'heal' || insist(() => store.loading(instance, epoch), work.signal);
      };
      try {
        const done =
          (await fill(now, since, work, goOn)) && (await store.fulfilled(instance, epoch, kind, now));
        const ms = Math.round(clock.monotonic() - began);
        if (kind === 'load') log.info({ epoch, done, ms }, 'filled the presence store');
        return true;
      } catch (error) {
        if (!stopping.aborted)
          log.warn({ duty: kind, err: error }, 'could not fill the presence store; somebody will try again');
        return false;
      } finally {
        work.end();
      }
    },
  };
}
