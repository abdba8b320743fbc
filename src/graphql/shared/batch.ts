import type { Member } from './member.js';
import type { Payloads } from './payloads.js';
import type { Deliveries } from './reads.js';
import type { Payload } from './sink.js';

/** One write carries this many bytes, or one event if that is larger. */
const MAX_WRITE_BYTES = 48_000;

/** What one write carries, and where its receiver stands afterwards. */
export interface Batch<Position extends string | number> {
  readonly payloads: readonly Payload[];
  readonly last: Position;
}

/**
 * Makes the batches of one group: members that are owed the same are given the same one.
 *
 * @param wake - called with a member whose batch was empty, when the result that it lacked is made.
 */
export function createBatches<Position extends string | number>(
  payloads: Payloads,
  wake: (member: Member<Position>) => void,
) {
  /** The last one that lacked nothing: most members of a flush are owed the same. */
  let whole: {
    readonly deliveries: Deliveries<Position>;
    readonly overhead: number;
    readonly generation: number;
    readonly batch: Batch<Position>;
  } | null = null;

  function make(member: Member<Position>, deliveries: Deliveries<Position>): Batch<Position> {
    const made: Payload[] = [];
    const { overhead } = member.sink;
    const generation = payloads.generation();
    let last = member.position;
    let bytes = 0;
    let blocked = false;
    for (const { identity, event, position } of deliveries) {
      const held = member.held?.identity === identity ? member.held.entry : null;
      // What was forgotten while it waited for the connection is asked for anew.
      const entry = held?.generation === generation ? held : payloads.get(identity, event);
      if (entry.payload === null && !blocked && made.length === 0) {
        member.held = { identity, entry };
        (entry.waiting ??= []).push(() => wake(member));
      }
      blocked ||= entry.payload === null;
      bytes += payloads.sizeOf(entry) + overhead;
      if (bytes > MAX_WRITE_BYTES && (blocked || made.length > 0)) break;
      if (blocked || entry.payload === null) continue;
      made.push(entry.payload);
      last = position;
    }
    const batch = { payloads: made, last };
    if (!blocked && member.held === null) whole = { deliveries, overhead, generation, batch };
    return batch;
  }

  return {
    /** Begins what one write may carry. Whether all of it is made. */
    prepare(deliveries: Deliveries<Position>): boolean {
      let isMade = true;
      let bytes = 0;
      for (const { identity, event } of deliveries) {
        const entry = payloads.get(identity, event);
        isMade &&= entry.payload !== null;
        bytes += payloads.sizeOf(entry);
        if (bytes > MAX_WRITE_BYTES) break;
      }
      return isMade;
    },
    /**
     * The results that can be sent to a member now, in order. Those that are not made yet are begun, as many as one write
     * may carry: all that was read, of thousands of groups, was more than a heap.
     * Is the first one among them, the batch is empty, and the member holds on to it.
     */
    for(member: Member<Position>, deliveries: Deliveries<Position>): Batch<Position> {
      if (
        whole !== null &&
        whole.deliveries === deliveries &&
        whole.overhead === member.sink.overhead &&
        whole.generation === payloads.generation() &&
        member.held === null
      ) {
        return whole.batch;
      }
      return make(member, deliveries);
    },
    /** Lets go of what it remembers. */
    clear(): void {
      whole = null;
    },
  };
}
