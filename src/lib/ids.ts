import { randomBytes } from 'node:crypto';
import { v7 } from 'uuid';

/** Identifiers as an argument, so that tests and the simulation can own them. */
export interface Ids {
  /** A UUID v7 in its canonical form: 36 lower-case characters that begin with the time of creation. */
  uuid(): string;
  /** 64 random bits as 16 lower-case hexadecimal digits. */
  random64(): string;
}

/** A number in [0, 1), as `Math.random` gives it. Chance as an argument. */
export type Chance = () => number;

const RANDOM_BYTES = 8;
/** Asked for at once: a question to the generator costs more than a thousand bytes of its answer. */
const RESERVE_BYTES = 4096;

/** Random bytes, each given once. */
function createRandom64(): () => string {
  let reserve = Buffer.alloc(0);
  let used = 0;
  return () => {
    if (used + RANDOM_BYTES > reserve.length) {
      reserve = randomBytes(RESERVE_BYTES);
      used = 0;
    }
    used += RANDOM_BYTES;
    return reserve.toString('hex', used - RANDOM_BYTES, used);
  };
}

/** Identifiers from this machine's generator. */
export const systemIds: Ids = { uuid: () => v7(), random64: createRandom64() };
