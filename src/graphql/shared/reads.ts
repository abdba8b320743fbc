import type { Delivery, Followed } from '../../lib/followed.js';
import type { Member } from './member.js';

/** Events asked for by one read. */
const READ_LIMIT = 64;
/** Answers remembered until the source advances. */
const MAX_REMEMBERED_READS = 64;

export type Deliveries<Position extends string | number> = readonly Delivery<Position, unknown>[];

/**
 * Reads of a source, one for all members that stand at the same place: an answer holds until the source
 * advances, and a question to the store is asked once however many wait for it.
 */
export function createReads<Position extends string | number>(source: Followed<Position, unknown>) {
  const answers = new Map<string, Deliveries<Position> | Promise<Deliveries<Position>>>();

  return {
    /** What follows the member's position; throws and rejects as `Followed.read` does. */
    read({ position, replayed, mayJump }: Member<Position>) {
      const key = `${Number(replayed)}${Number(mayJump)}${typeof position}${position}`;
      const known = answers.get(key);
      if (known !== undefined) return known;
      const answer = source.read(position, { limit: READ_LIMIT, replayed, mayJump });
      if (answers.size >= MAX_REMEMBERED_READS) answers.clear();
      answers.set(key, answer);
      if (answer instanceof Promise) {
        const forget = () => {
          if (answers.get(key) === answer) answers.delete(key);
        };
        answer.then(forget, forget);
      }
      return answer;
    },
    /** The source has advanced. */
    clear: () => answers.clear(),
  };
}
