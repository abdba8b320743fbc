import type { Clock } from '../lib/clock.js';
import type { Chance } from '../lib/ids.js';

/** What this instance knows of one visitor in one room. */
export interface Sighting {
  readonly key: string;
  readonly roomId: string;
  readonly visitorId: string;
  /** Open subscriptions. */
  holds: number;
  /** When the visitor was last seen, on the monotonic clock; while it holds something it is seen all the time. */
  seenAt: number;
  /** Whether the store may count it as online through this instance. */
  online: boolean;
  /** In which slice of a round it is renewed. */
  readonly slice: number;
  /** When it was last written to the journal, on the monotonic clock. */
  journaledAt: number;
}

/**
 * Who holds subscriptions here, by room and visitor. A last leave is told only after a moment of grace: React's
 * StrictMode, a reload and a quick reconnect leave and come back at once, and must not be seen to do so.
 */
export interface Sightings {
  hold(roomId: string, visitorId: string): Sighting;
  /** Takes one hold back. */
  letGo(sighting: Sighting): void;
  /** Someone who holds nothing, or not because of this, was seen. */
  see(roomId: string, visitorId: string): Sighting;
  /** What is held in this slice of a round. */
  held(slice: number): readonly Sighting[];
  /** All that is held. */
  all(): Iterable<Sighting>;
  /** What stands for the same visitor in the same room now, when this one may have been forgotten. */
  newest(sighting: Sighting): Sighting;
  /** Forgets it if it is neither held nor counted as online. */
  release(sighting: Sighting): void;
  /** Whether its last hold was let go and may still come back. */
  mayReturn(sighting: Sighting): boolean;
  /** Lets go of everything, without grace: each one is handed to `onGone`. Returns those that were still held. */
  endAll(): readonly Sighting[];
}

export function createSightings({
  clock,
  chance,
  slices,
  graceMs,
  onGone,
}: {
  readonly clock: Clock;
  readonly chance: Chance;
  /** Into how many slices a round of renewals is cut. */
  readonly slices: number;
  readonly graceMs: number;
  /** The last hold was let go and did not come back within the grace. */
  readonly onGone: (sighting: Sighting) => void;
}): Sightings {
  const sightings = new Map<string, Sighting>();
  const heldBySlice = Array.from({ length: slices }, () => new Set<Sighting>());
  /** Those in grace, the one that ends first in front. */
  const leaving = new Map<Sighting, number>();
  let cancelTimer: (() => void) | undefined;

  const sliceOf = (sighting: Sighting): Set<Sighting> => {
    const slice = heldBySlice[sighting.slice];
    if (slice === undefined) throw new RangeError(`no slice ${sighting.slice}`);
    return slice;
  };

  function see(roomId: string, visitorId: string): Sighting {
    const key = `${roomId} ${visitorId}`;
    const known = sightings.get(key);
    if (known !== undefined) {
      known.seenAt = clock.monotonic();
      return known;
    }
    const sighting = {
      key,
      roomId,
      visitorId,
      holds: 0,
      seenAt: clock.monotonic(),
      online: false,
      slice: Math.floor(chance() * slices),
      journaledAt: Number.NEGATIVE_INFINITY,
    };
    sightings.set(key, sighting);
    return sighting;
  }

  function endGrace(): void {
    cancelTimer = undefined;
    const now = clock.monotonic();
    for (const [sighting, endsAt] of leaving) {
      if (endsAt > now) break;
      leaving.delete(sighting);
      onGone(sighting);
    }
    schedule();
  }

  function schedule(): void {
    const [next] = leaving.values();
    if (next === undefined || cancelTimer !== undefined) return;
    cancelTimer = clock.after(Math.max(next - clock.monotonic(), 1), endGrace);
  }

  return {
    hold(roomId, visitorId) {
      const sighting = see(roomId, visitorId);
      sighting.holds += 1;
      sliceOf(sighting).add(sighting);
      leaving.delete(sighting);
      return sighting;
    },
    letGo(sighting) {
      sighting.seenAt = clock.monotonic();
      sighting.holds -= 1;
      if (sighting.holds > 0) return;
      sliceOf(sighting).delete(sighting);
      leaving.set(sighting, sighting.seenAt + graceMs);
      schedule();
    },
    see,
    held: (slice) => [...(heldBySlice[slice] ?? [])],
    *all() {
      for (const slice of heldBySlice) yield* slice;
    },
    newest: (sighting) => sightings.get(sighting.key) ?? sighting,
    release(sighting) {
      if (sighting.holds > 0 || sighting.online || leaving.has(sighting)) return;
      if (sightings.get(sighting.key) === sighting) sightings.delete(sighting.key);
    },
    mayReturn: (sighting) => leaving.has(sighting),
    endAll() {
      const ended: Sighting[] = [];
      for (const slice of heldBySlice) {
        for (const sighting of slice) {
          sighting.seenAt = clock.monotonic();
          sighting.holds = 0;
          leaving.set(sighting, 0);
          ended.push(sighting);
        }
        slice.clear();
      }
      for (const sighting of leaving.keys()) {
        leaving.delete(sighting);
        onGone(sighting);
      }
      cancelTimer?.();
      return ended;
    },
  };
}
