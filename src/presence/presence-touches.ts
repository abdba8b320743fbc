import type { Clock } from '../lib/clock.js';
import type { Logger } from '../lib/logger.js';
import { createOutbox, type Outbox } from '../lib/outbox.js';
import { MAX_STORE_BATCH, type Touch, type Touched } from './presence-store.js';
import type { Sighting, Sightings } from './sightings.js';

const RETRY_MS = 500;
/** Visitors who are gone and wait for a store that is away: more are left to the journal, which is healed from. */
const MAX_UNTOLD = 50_000;

/**
 * Tells the presence store who is here. What is told is what is true when it is sent, not when it was put: a
 * join and a leave that were never told are one visit. Kept until acknowledged, so an outage loses no leave, unless
 * more than `MAX_UNTOLD` wait.
 */
export function createTouches({
  sightings,
  tell,
  storeTime,
  clock,
  log,
}: {
  readonly sightings: Sightings;
  /** One call of the store; rejects when it is away. */
  readonly tell: (touches: readonly Touch[]) => Promise<Touched>;
  /** The store's time at a moment of the monotonic clock; rejects when it cannot be known yet. */
  readonly storeTime: () => Promise<(monotonic: number) => number>;
  readonly clock: Clock;
  readonly log: Logger;
}): Outbox<Sighting> {
  function touchOf(sighting: Sighting, timeAt: (monotonic: number) => number): Touch {
    const { roomId, visitorId, holds, online } = sighting;
    const kind = holds > 0 ? 'join' : online && !sightings.mayReturn(sighting) ? 'leave' : 'visit';
    if (holds > 0) {
      sighting.online = true;
      sighting.seenAt = clock.monotonic();
    }
    return { kind, roomId, visitorId, at: Math.floor(timeAt(sighting.seenAt)) };
  }

  async function send(batch: readonly Sighting[]): Promise<readonly Sighting[]> {
    const timeAt = await storeTime();
    const sent = batch.map((sighting) => ({ sighting, touch: touchOf(sighting, timeAt) }));
    const { late } = await tell(sent.map(({ touch }) => touch));
    for (const { sighting, touch } of sent) {
      if (touch.kind === 'leave' && sighting.holds === 0) sighting.online = false;
      sightings.release(sighting);
    }
    return late.flatMap((index) => batch[index] ?? []);
  }

  return createOutbox<Sighting>({
    name: 'touches',
    clock,
    log,
    delayMs: 0,
    retryMs: RETRY_MS,
    maxBatch: MAX_STORE_BATCH,
    merge: (_, sighting) => sighting,
    send,
    limit: {
      maxWaiting: MAX_UNTOLD,
      mayDrop: (sighting) => sighting.holds === 0 && !sightings.mayReturn(sighting),
      onDropped(sighting) {
        // If the store still counts it as online, it does so until nobody has renewed that for long enough.
        sighting.online = false;
        sightings.release(sighting);
      },
    },
  });
}
