import type { Clock } from '../lib/clock.js';
import type { Logger } from '../lib/logger.js';
import { createOutbox } from '../lib/outbox.js';
import type { PresenceLag } from './presence-lag.js';
import { MAX_STORE_BATCH, type Raise } from './presence-store.js';
import type { StoreClock } from './store-clock.js';

/** How long messages are collected before the presence store hears of them, in milliseconds. */
const ACTIVITY_DELAY_MS = 25;
const RETRY_MS = 500;
/** The activity of rooms is known to the second. */
const PRECISION_MS = 1000;

/** Tells the presence store at once, and the rooms' records later, how far rooms are and when something happened. */
export interface RoomActivity {
  /** Resolves when the room is listed, or when it is clear that it will be listed later. */
  created(roomId: string, createdAt: Date): Promise<void>;
  /** See `PresenceService.activity`. */
  message(roomId: string, number: number, at: Date, own: boolean): void;
  /** Tells what waits, or fails to. */
  drain(): Promise<void>;
  stop(): void;
}

export function createRoomActivity({
  tell,
  lag,
  storeClock,
  clock,
  log,
}: {
  /** One call of the presence store; rejects when it is away. */
  readonly tell: (raises: readonly Raise[]) => Promise<unknown>;
  readonly lag: Pick<PresenceLag, 'activity'>;
  readonly storeClock: StoreClock;
  readonly clock: Clock;
  readonly log: Logger;
}): RoomActivity {
  const raises = createOutbox<Raise>({
    name: 'activity',
    clock,
    log,
    delayMs: ACTIVITY_DELAY_MS,
    retryMs: RETRY_MS,
    maxBatch: MAX_STORE_BATCH,
    // An acknowledged message is told at once if it can be: this instance may die the next moment.
    eager: true,
    merge: (a, b) => ({ ...a, number: Math.max(a.number, b.number), at: Math.max(a.at, b.at) }),
    async send(batch) {
      await tell(batch);
      return [];
    },
  });

  /** On the store's clock, what this machine's wall clock calls `at`. */
  function onStoreClock(at: Date): Date {
    if (!storeClock.known()) return at;
    return new Date(at.getTime() + Math.round(storeClock.at(clock.monotonic()) - clock.now()));
  }

  return {
    async created(roomId, createdAt) {
      const at = onStoreClock(createdAt);
      raises.put(roomId, { roomId, number: 0, at: at.getTime() });
      raises.hurry();
      // Its record has the time of the wall clock.
      if (at.getTime() - createdAt.getTime() >= PRECISION_MS) lag.activity(roomId, 0, at);
      await raises.settled(roomId);
    },
    message(roomId, number, at, own) {
      const happenedAt = own ? onStoreClock(at) : at;
      raises.put(roomId, { roomId, number, at: happenedAt.getTime() });
      // Records hold times of wall clocks, those of creation too: one that is ahead is believed until it is read.
      lag.activity(roomId, number, happenedAt > at ? happenedAt : at);
    },
    drain: () => raises.drain(),
    stop: () => raises.stop(),
  };
}
