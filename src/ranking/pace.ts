/**
 * How many steps an interval has in which subscribers are told apart by when they got their last event: those of
 * one step stand at the same place and share everything.
 */
const STEPS_PER_INTERVAL = 10;
/** A subscriber that would lag behind the list by more than this part of an interval skips to the next snapshot. */
const LONGEST_LAG = 0.5;
/** When the snapshot that it skips to does not come, the list is quiet, and it gets what there is: in intervals. */
const LONGEST_SKIP = 1.25;

/**
 * Keeps an interval between two events of every subscriber (RANK-4), also of one whose first event came at any
 * moment. All times are on the monotonic clock, in milliseconds.
 *
 * Those who follow get a snapshot when it is adopted; so two events are as far apart as two snapshots. Somebody
 * new is between two of them. It then gets the same changes a little later than the others, or skips one
 * snapshot and goes with the others from then on.
 */
export function createPace({ intervalMs }: { readonly intervalMs: number }) {
  const stepMs = intervalMs / STEPS_PER_INTERVAL;
  /** The end of the step that `now` is in. */
  const stepAfter = (now: number): number => Math.ceil(now / stepMs) * stepMs;

  return {
    /** When a subscriber that got its last event at `since` may get what was adopted at `adoptedAt`. */
    dueAt(since: number, adoptedAt: number): number {
      const earliest = since + intervalMs;
      const lagMs = earliest - adoptedAt;
      if (lagMs <= 0) return adoptedAt;
      return lagMs <= intervalMs * LONGEST_LAG ? earliest : adoptedAt + intervalMs * LONGEST_SKIP;
    },
    /** What counts as the moment of an event that was due at `due` and is read at `now`. */
    momentOf: (due: number, now: number): number => (now - due < stepMs ? due : stepAfter(now)),
    stepAfter,
  };
}
