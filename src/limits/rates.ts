import type { RateLimit, Window } from './rate-limits.js';

/** One rule of a limit: a window, and what may be spent beyond it when it is empty. */
export interface Rule extends Window {
  readonly burst?: Window;
}

/** Every rule of a limit must allow; they are asked in this order, the shortest window first. */
export interface Rate {
  readonly rules: readonly [Rule, ...Rule[]];
  /** Whether instances count together; what is about one instance is counted where it is. */
  readonly shared: boolean;
}

export type Rates = Readonly<Record<RateLimit, Rate>>;

const MINUTE_SECONDS = 60;

const scaled = (points: number, seconds: number, factor: number): Window => ({
  points: Math.max(1, Math.round(points * factor)),
  seconds,
});

/**
 * What callers may do. A burst of a rule is in points beyond its window: 5 in 5 s with 5 more gives 10 at once.
 *
 * @param maxSocketsPerAddress - a whole office that reconnects at once must get through.
 * @param factor - multiplies all points; at least one point is left of each.
 */
export function ratesFor({
  maxSocketsPerAddress,
  factor,
}: {
  maxSocketsPerAddress: number;
  factor: number;
}): Rates {
  const window = (points: number, seconds: number): Window => scaled(points, seconds, factor);
  const shared = (...rules: [Rule, ...Rule[]]): Rate => ({ rules, shared: true });
  const local = (...rules: [Rule, ...Rule[]]): Rate => ({ rules, shared: false });
  return {
    sendPerVisitor: shared({ ...window(5, 5), burst: window(5, 10) }, window(60, MINUTE_SECONDS)),
    sendPerAddress: shared(window(10, 1)),
    sendPerRoom: shared(window(50, 1)),
    createRoomPerVisitor: shared(window(3, MINUTE_SECONDS)),
    createVisitorPerAddress: shared({
      ...window(10, MINUTE_SECONDS),
      burst: window(20, 10 * MINUTE_SECONDS),
    }),
    queryPerCaller: shared(window(60, 10)),
    // Documents that cannot be run, by HTTP: a socket has its frames.
    refusedPerCaller: shared(window(300, 10)),
    connectPerAddress: shared(window(maxSocketsPerAddress, 10)),
    upgradePerInstance: local(window(200, 1)),
  };
}

/** 120 a minute: 60 in each half of it, so that 120 may come at once where two of them meet. */
export const framesPerSocket = (factor: number): Window => scaled(60, MINUTE_SECONDS / 2, factor);
