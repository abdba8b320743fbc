import type { Delivery, Followed } from '../../lib/followed.js';
import type { Member } from './member.js';

/** Events asked for by one read. */
const READ_LIMIT = 64;
/** Answers remembered until the source advances: few, since those who are up to date all ask the same. */
const MAX_REMEMBERED_READS = 64;

export type Deliveries<Position extends string | number> = readonly Delivery<Position, unknown>[];

interface Remembered<Position extends string | number> {
  readonly position: Position;
  readonly replayed: boolean;
  readonly mayJump: boolean;
  readonly answer: Deliveries<Position> | Promise<Deliveries<Position>>;
}

/**
 * Reads of a source, one for all members that stand at the same place: an answer holds until the source
 * advances, and a question to the store is asked once however many wait for it.
 */
export function createReads<Position extends string | number>(source: Followed<Position, unknown>) {
  let known: Remembered<Position>[] = [];

  return {
    /** What follows the member's position; throws and rejects as `Followed.read` does. */
    read({ position, replayed, mayJump }: Member<Position>) {
      for (const each of known) {
        if (each.position === position && each.replayed === replayed && each.mayJump === mayJump) {
          return each.answer;
        }
      }
      const answer = source.read(position, { limit: READ_LIMIT, replayed, mayJump });
      const remembered = { position, replayed, mayJump, answer };
      if (known.length >= MAX_REMEMBERED_READS) known = [];
      known.push(remembered);
      if (answer instanceof Promise) {
        const forget = () => {
          known = known.filter((each) => each !== remembered);
        };
        answer.then(forget, forget);
      }
      return answer;
    },
    /** The source has advanced. */
    clear(): void {
      if (known.length > 0) known = [];
    },
  };
}
