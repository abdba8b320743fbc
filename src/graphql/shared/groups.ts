import type { Clock } from '../../lib/clock.js';
import { createGroup, type Group, type GroupOptions } from './group.js';
import { createPump } from './pump.js';

type AnyGroup = Group<string | number>;
type Opened = Omit<GroupOptions<string | number>, 'pump' | 'clock'>;

/** A place in a group, held from before the subscriber joins until after it left. */
export interface Seat {
  readonly group: AnyGroup;
  /** Gives the place back; the last one closes the group. Twice does nothing. */
  release(): void;
}

/** The groups that are open now, by what makes two subscribers the same (see `key.ts`). */
export function createGroups({
  clock,
  nextTurn,
}: {
  clock: Clock;
  nextTurn: (callback: () => void) => void;
}) {
  const pump = createPump(nextTurn);
  const groups = new Map<string, { group: AnyGroup; seats: number }>();

  return {
    /**
     * A place in the group of this key, which is opened if there is none. Taken before anything is awaited, so
     * that a member that leaves meanwhile does not close the group under the newcomer.
     */
    enter(key: string, open: () => Opened): Seat {
      let entry = groups.get(key);
      if (entry === undefined) {
        entry = { group: createGroup({ ...open(), pump, clock }), seats: 0 };
        groups.set(key, entry);
      }
      const held = entry;
      held.seats += 1;
      let released = false;
      return {
        group: held.group,
        release() {
          if (released) return;
          released = true;
          held.seats -= 1;
          if (held.seats > 0) return;
          groups.delete(key);
          held.group.close();
        },
      };
    },
    /** Forgets results whose events `affected` picks: what they show has changed, a name for instance. */
    forget(affected: (event: unknown) => boolean): void {
      for (const { group } of groups.values()) group.forget(affected);
    },
    /** How many groups are open. */
    size: () => groups.size,
  };
}
