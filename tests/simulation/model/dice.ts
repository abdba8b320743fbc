import { seededChance } from '../../testkit/log/log-world.js';

/** Chance with a seed, in the words of a schedule. */
export interface Dice {
  /** A number in [0, 1). */
  roll(): number;
  /** True with this probability. */
  happens(probability: number): boolean;
  /** A number in [low, high). */
  between(low: number, high: number): number;
  /** A whole number from low to high, both included. */
  whole(low: number, high: number): number;
  pick<Value>(values: readonly Value[]): Value;
  /** 16 hexadecimal digits. */
  hex16(): string;
}

const HALF_DIGITS = 8;

export function createDice(seed: number): Dice {
  const roll = seededChance(seed);
  const between = (low: number, high: number): number => low + roll() * (high - low);
  const whole = (low: number, high: number): number => Math.floor(between(low, high + 1));
  const half = (): string =>
    Math.floor(roll() * 2 ** 32)
      .toString(16)
      .padStart(HALF_DIGITS, '0');
  return {
    roll,
    happens: (probability) => roll() < probability,
    between,
    whole,
    pick: (values) => values[whole(0, values.length - 1)]!,
    hex16: () => half() + half(),
  };
}
