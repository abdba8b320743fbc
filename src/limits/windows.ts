import { type RateLimiterAbstract, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import { MS_PER_SECOND } from '../lib/clock.js';
import type { RateLimit, Window } from './rate-limits.js';
import type { Rates } from './rates.js';

/** Makes what counts one window; `name` is unique among all windows. */
export type MakeWindow = (name: string, window: Window) => RateLimiterAbstract;

/** Points to be taken from one window. */
export interface Draw {
  readonly window: RateLimiterAbstract;
  readonly key: string;
  readonly points: number;
}

/** Which window refused, and for how many milliseconds it will. */
interface Refused<One extends Draw> {
  readonly draw: One;
  readonly wait: number;
}

/**
 * Takes from one window after the other, up to the first that refuses: what comes behind that is not touched. Null
 * when none refuses; rejects when their store fails.
 */
export type DrawInTurn = <One extends Draw>(draws: readonly One[]) => Promise<Refused<One> | null>;

/** Points to be taken from one limit. */
export interface Asked {
  readonly limit: RateLimit;
  readonly key: string;
  readonly points: number;
}

/** Which limit refused, and for how many milliseconds it will. */
export interface Refusal {
  readonly limit: RateLimit;
  readonly wait: number;
}

/** Takes from one limit after the other, as `DrawInTurn` does from windows. */
export type Count = (asked: readonly Asked[]) => Promise<Refusal | null>;

/** What one rule of a limit is counted in. */
interface Windows {
  readonly window: RateLimiterAbstract;
  /** What is taken from when that is empty. */
  readonly burst: RateLimiterAbstract | null;
}

type Step = Asked & Windows;

const allowed = (): null => null;

function waitOf(window: RateLimiterAbstract, refusal: unknown): number {
  if (!(refusal instanceof RateLimiterRes)) throw refusal;
  const wait = Math.max(1, Math.ceil(refusal.msBeforeNext));
  const longest = window.duration * MS_PER_SECOND;
  if (wait <= longest) return wait;
  // The package remembers by the wall clock until when it refuses without asking; that was set back.
  if (window instanceof RateLimiterRedis) window.deleteInMemoryBlockedAll();
  return longest;
}

/** Null when allowed, else milliseconds to wait. Rejects when the store of the window fails. */
export const take = ({ window, key, points }: Draw): Promise<number | null> =>
  window.consume(key, points).then(allowed, (refusal: unknown) => waitOf(window, refusal));

/** Counts every limit of `rates` in windows that `make` makes. */
export function countRates(rates: Rates, make: MakeWindow, inTurn: DrawInTurn): Count {
  const made = new Map<RateLimit, readonly Windows[]>();

  function windowsOf(limit: RateLimit): readonly Windows[] {
    const known = made.get(limit);
    if (known !== undefined) return known;
    const windows = rates[limit].rules.map((rule, index) => {
      const name = `${limit}-${index}`;
      const burst = rule.burst === undefined ? null : make(`${name}-burst`, rule.burst);
      return { window: make(name, rule), burst };
    });
    made.set(limit, windows);
    return windows;
  }

  async function takeAll(steps: readonly Step[]): Promise<Refusal | null> {
    const refused = await inTurn(steps);
    if (refused === null) return null;
    const { draw, wait } = refused;
    const { limit, burst } = draw;
    if (burst === null) return { limit, wait };
    const beyond = await inTurn([{ ...draw, window: burst }]);
    // Whichever comes back first.
    if (beyond !== null) return { limit, wait: Math.min(wait, beyond.wait) };
    const rest = steps.slice(steps.indexOf(draw) + 1);
    return rest.length === 0 ? null : takeAll(rest);
  }

  return (asked) => {
    // Written out: to spread it took 4 % of what a send takes.
    const steps: Step[] = [];
    for (const { limit, key, points } of asked) {
      for (const { window, burst } of windowsOf(limit)) steps.push({ limit, key, points, window, burst });
    }
    return takeAll(steps);
  };
}
