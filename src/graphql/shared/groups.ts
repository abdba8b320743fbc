import type { Clock } from '../../lib/clock.js';
import type { CheckedDocument } from '../document.js';
import { createDistinct } from './distinct.js';
import { createGroup, type Group, type GroupOptions } from './group.js';
import { createPump } from './pump.js';

type AnyGroup = Group<string | number>;
type Opened = Omit<GroupOptions<string | number>, 'pump' | 'clock'>;

/** By address, whose share of a turn of the event loop a group takes for an event. */
export interface Payers {
  /** Who opened it. */
  readonly first: string;
  /** Who came last from elsewhere: all would wait for the first alone, whose share may be taken. */
  latest: string;
}

/** A group that is open, and how many places in it are taken: one object for all who are in it. */
export interface Place {
  readonly key: string;
  readonly payers: Payers;
  readonly group: AnyGroup;
  readonly close: () => void;
  taken: number;
}

/** The groups that are open now, by what makes two subscribers the same (see `key.ts`). */
export function createGroups({
  clock,
  nextTurn,
  heapBytes,
}: {
  clock: Clock;
  nextTurn: (callback: () => void) => void;
  heapBytes: number;
}) {
  const distinct = createDistinct(heapBytes);
  const pump = createPump(nextTurn);
  const places = new Map<string, Place>();

  return {
    /**
     * Takes a place in the group of this key, which is opened if there is none: before anything is awaited, so
     * that a member that leaves meanwhile does not close the group under the newcomer. Null when no more of them
     * may be open.
     *
     * @param address - of the subscriber.
     */
    enter(
      key: string,
      document: CheckedDocument,
      address: string,
      open: (payers: Payers) => Opened,
    ): Place | null {
      let place = places.get(key);
      if (place === undefined) {
        const close = distinct.open({ document, key, address });
        if (close === null) return null;
        const payers = { first: address, latest: address };
        place = { key, payers, group: createGroup({ ...open(payers), pump, clock }), close, taken: 0 };
        places.set(key, place);
      }
      if (address !== place.payers.first) place.payers.latest = address;
      place.taken += 1;
      return place;
    },
    /** Gives a place back, once for each `enter`; the last one closes the group. */
    leave(place: Place): void {
      place.taken -= 1;
      if (place.taken > 0) return;
      places.delete(place.key);
      place.group.close();
      place.close();
    },
    /** Forgets results whose events `affected` picks: what they show has changed, a name for instance. */
    forget(affected: (event: unknown) => boolean): void {
      for (const { group } of places.values()) group.forget(affected);
    },
  };
}
