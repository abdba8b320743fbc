import { MS_PER_SECOND, type Clock } from '../lib/clock.js';
import type { Chance, Ids } from '../lib/ids.js';
import type { Logger } from '../lib/logger.js';
import { every } from '../lib/every.js';
import type { Metrics } from '../lib/metrics.js';
import type { MessageStore } from '../messages/message-store.js';
import type { RoomStore } from '../rooms/room-store.js';
import { createPresenceLag, STOP_LIMIT_MS } from './presence-lag.js';
import { createPresenceLoader } from './presence-loader.js';
import { LOADING_MS, type PresenceStore } from './presence-store.js';
import { createTouches } from './presence-touches.js';
import { everySlice, MAX_RENEWAL_MS, RENEWALS_PER_WINDOW, roundFor } from './renewals.js';
import { createRoomActivity } from './room-activity.js';
import { createRoomCounter, type CountsAt, type RoomCounts } from './room-counter.js';
import { createSightings, type Sighting } from './sightings.js';
import { createStoreClock } from './store-clock.js';
import type { VisitJournal } from './visit-journal.js';

/** Who is where. None of these fails because the presence store is away: counts are then the last known, else 0. */
export interface PresenceService {
  /** Resolves when counts are exact for the first time, or when it is clear that the store is away. */
  readonly started: Promise<void>;
  /** A visitor's subscription of a room began. The returned function ends it; twice does nothing. */
  join(roomId: string, visitorId: string): () => void;
  /** Counts the visitor as seen now. Resolves when counted, or when it is clear that it will be counted later. */
  visit(roomId: string, visitorId: string): Promise<void>;
  /** A room was created: it is listed within one interval. Its creator is counted by `visit`. */
  roomCreated(roomId: string, createdAt: Date): Promise<void>;
  /** The counts of these rooms (at most 200), now. */
  counts(roomIds: readonly string[]): Promise<ReadonlyMap<string, RoomCounts>>;
  /**
   * A message of the room was released by this instance: raises its activity. Never waits.
   *
   * @param at - by the wall clock of the instance that accepted it.
   * @param own - whether that is this one: the store's clock then rules, however wrong this machine's is.
   */
  activity(roomId: string, number: number, at: Date, own: boolean): void;
  stop(): Promise<void>;
}

/** How long a last leave may turn out to be none, in milliseconds; at most a quarter of the window. */
const LEAVE_GRACE_MS = 1000;
/** How often an instance shows the presence store that it lives, in milliseconds. */
const BEAT_MS = 1000;
/** How long an instance that could not fulfil a duty takes none: long enough for others to be given it. */
const REST_MS = LOADING_MS + 2 * BEAT_MS;

/**
 * Presence of one instance: counts its open subscriptions by room and visitor, tells the presence store of them
 * in batches, and again at each renewal, so that a crashed instance leaves no ghost. What the store does not
 * acknowledge is kept and told later. Takes its turn at filling a store that forgot. Starts at once.
 */
export function createPresenceService({
  store,
  journal,
  rooms,
  messages,
  clock,
  ids,
  chance,
  log,
  windowMs,
  lastKnown = () => undefined,
  listed = () => [],
  metrics,
}: {
  readonly store: PresenceStore;
  readonly journal: VisitJournal;
  readonly rooms: RoomStore;
  readonly messages: Pick<MessageStore, 'get' | 'newest'>;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly chance: Chance;
  readonly log: Logger;
  /** How long a visit counts, in milliseconds. */
  readonly windowMs: number;
  /** What somebody else, such as the ranking, knows of a room while the store is away. */
  readonly lastKnown?: (roomId: string) => CountsAt | undefined;
  /** The rooms at the top of the list, as last known. */
  readonly listed?: () => readonly string[];
  readonly metrics?: Pick<Metrics, 'presenceTouchSeconds' | 'presenceEpochChanges'>;
}): PresenceService {
  const instance = ids.random64();
  const round = roundFor(windowMs);
  const storeClock = createStoreClock(clock);
  const lag = createPresenceLag({
    rooms,
    journal,
    onLate: (sighting) => touches.put(sighting.key, sightings.newest(sighting)),
    clock,
    log,
  });
  const loader = createPresenceLoader({
    store,
    rooms,
    messages,
    journal,
    listed,
    onLag: (roomId, number, at) => lag.activity(roomId, number, at),
    instance,
    clock,
    log,
    windowMs,
  });
  const counts = createRoomCounter({ read, lastKnown, clock, log });
  let epoch: string | undefined;
  /** Epochs that were followed by others: a Redis that is still in one of them missed what another one was told. */
  const over = new Set<string>();
  /** When the store last answered, on its clock: that of a machine that sleeps may stand still, too. */
  let heardAt = Number.POSITIVE_INFINITY;
  let duty: Promise<void> | undefined;
  let restsUntil = Number.NEGATIVE_INFINITY;
  const stopping = new AbortController();

  const sightings = createSightings({
    clock,
    chance,
    slices: round.slices,
    graceMs: Math.min(LEAVE_GRACE_MS, windowMs / 4),
    onGone: (sighting) => touches.put(sighting.key, sighting),
  });

  /** A new epoch has no one online, and who was not renewed while all stood still may have ended: all here join again. */
  function notice(answer: { readonly epoch: string; readonly now: number }): void {
    const before = epoch;
    const isForgotten = before !== undefined && answer.epoch !== before;
    if (isForgotten || answer.now - heardAt > MAX_RENEWAL_MS) {
      for (const sighting of sightings.all()) touches.put(sighting.key, sighting);
    }
    if (isForgotten) {
      over.add(before);
      metrics?.presenceEpochChanges.inc();
      log.warn({ epoch: answer.epoch }, 'the presence store forgot who is online; telling it again');
    }
    epoch = answer.epoch;
    heardAt = answer.now;
  }

  async function read(roomIds: readonly string[]) {
    const counted = await storeClock.call(() => store.counts(roomIds));
    notice(counted);
    return counted;
  }

  const touches = createTouches({
    sightings,
    async tell(batch) {
      const sentAt = clock.monotonic();
      const touched = await storeClock.call(() => store.touch(instance, batch));
      metrics?.presenceTouchSeconds.observe((clock.monotonic() - sentAt) / MS_PER_SECOND);
      notice(touched);
      return touched;
    },
    async storeTime() {
      if (!storeClock.known()) await beat();
      return (monotonic) => storeClock.at(monotonic);
    },
    clock,
    log,
  });

  const activity = createRoomActivity({
    tell: async (raises) => notice(await storeClock.call(() => store.raise(raises))),
    lag,
    storeClock,
    clock,
    log,
  });

  function write(sighting: Sighting): void {
    sighting.journaledAt = clock.monotonic();
    lag.seen(sighting);
  }

  function renew(slice: number): void {
    for (const sighting of sightings.held(slice)) {
      sighting.seenAt = clock.monotonic();
      touches.put(sighting.key, sighting);
      const age = clock.monotonic() - sighting.journaledAt;
      if (age + round.ms > windowMs / RENEWALS_PER_WINDOW) write(sighting);
    }
  }

  async function beat(): Promise<void> {
    // Who rests still hears of a new epoch.
    if (clock.monotonic() < restsUntil) return void (await read([]));
    const answer = await storeClock.call(() => store.beat(instance, over.has(epoch ?? '') ? epoch : ''));
    notice(answer);
    if (answer.duty === null || duty !== undefined || stopping.signal.aborted) return;
    duty = loader.fulfil(answer, answer.duty, stopping.signal).then((fulfilled) => {
      duty = undefined;
      if (!fulfilled) restsUntil = clock.monotonic() + REST_MS;
    });
  }

  const started = beat()
    .then(() => duty)
    .catch((error: unknown) => log.warn({ err: error }, 'the presence store is away'));
  const endTimers = [
    every(clock, BEAT_MS, beat, (error) => log.debug({ err: error }, 'no beat of the presence store')),
    everySlice(clock, round, renew, (error) => log.error({ err: error }, 'presence was not renewed')),
  ];

  return {
    started,
    join(roomId, visitorId) {
      const sighting = sightings.hold(roomId, visitorId);
      if (sighting.holds === 1) {
        touches.put(sighting.key, sighting);
        write(sighting);
      }
      let joined = true;
      return () => {
        if (!joined) return;
        joined = false;
        if (stopping.signal.aborted) return;
        sightings.letGo(sighting);
        if (sighting.holds === 0) write(sighting);
      };
    },
    async visit(roomId, visitorId) {
      const sighting = sightings.see(roomId, visitorId);
      touches.put(sighting.key, sighting);
      write(sighting);
      await touches.settled(sighting.key);
    },
    roomCreated: (roomId, createdAt) => activity.created(roomId, createdAt),
    counts,
    activity: (roomId, number, at, own) => activity.message(roomId, number, at, own),
    async stop() {
      if (stopping.signal.aborted) return;
      stopping.abort(new Error('The server stops.'));
      for (const end of endTimers) end();
      for (const sighting of sightings.endAll()) write(sighting);
      const stopTelling = (): void => {
        touches.stop();
        activity.stop();
      };
      const cancel = clock.after(STOP_LIMIT_MS, stopTelling);
      await Promise.all([touches.drain(), activity.drain(), lag.stop(), duty]);
      cancel();
      stopTelling();
    },
  };
}
