import { RateLimiterMemory } from 'rate-limiter-flexible';
import type { Rates } from './rates.js';
import { type Count, countRates, type DrawInTurn, take } from './windows.js';

const oneByOne: DrawInTurn = async (draws) => {
  for (const draw of draws) {
    const wait = await take(draw);
    if (wait !== null) return { draw, wait };
  }
  return null;
};

/** Counts in this process. */
export const countInMemory = (rates: Rates): Count =>
  countRates(
    rates,
    (keyPrefix, { points, seconds }) => new RateLimiterMemory({ keyPrefix, points, duration: seconds }),
    oneByOne,
  );
