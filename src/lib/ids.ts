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

/** Identifiers from this machine's generator. */
export const systemIds: Ids = {
  uuid: () => v7(),
  random64: () => randomBytes(8).toString('hex'),
};
