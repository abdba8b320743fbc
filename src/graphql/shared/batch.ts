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
 * The results that can be sent to a member now, in order. Those that are not made yet are begun, all of them.
 * Is the first one among them, the batch is empty, the member holds on to it, and `wake` is called with the
 * member when it is made.
 */
export function readyBatch<Position extends string | number>(
  payloads: Payloads,
  member: Member<Position>,
  deliveries: Deliveries<Position>,
  wake: (member: Member<Position>) => void,
): Batch<Position> {
  const made: Payload[] = [];
  let last = member.position;
  let bytes = 0;
  let blocked = false;
  for (const { identity, event, position } of deliveries) {
    const held = member.held?.identity === identity ? member.held.entry : null;
    const entry = held ?? payloads.get(identity, event);
    if (entry.payload === null && !blocked && made.length === 0) {
      member.held = { identity, entry };
      entry.waiting.push(() => wake(member));
    }
    blocked ||= entry.payload === null;
    if (blocked || entry.payload === null) continue;
    bytes += entry.payload.bytes + member.sink.overhead;
    if (made.length > 0 && bytes > MAX_WRITE_BYTES) break;
    made.push(entry.payload);
    last = position;
  }
  return { payloads: made, last };
}
