import { sleep, type Clock } from '../lib/clock.js';
import type { Chance } from '../lib/ids.js';
import type { KnownHead } from './known-head.js';
import type { LogLimits } from './log-limits.js';
import type { LogRecord } from './log-store.js';

/** How much the newest insert says about how long the next one takes. */
const NEWEST_WEIGHT = 0.25;
/** Who did not write within so many inserts does not want to. */
const TURN_INSERTS = 2;
/** Who did not write for so many rounds of all writers does not want to at present: few inserts are waited for in vain. */
const ACTIVE_ROUNDS = 1;
/** More writers than this are not told apart. */
const MAX_WRITERS = 16;
/** So many inserts without a pause are made before others are waited for of whom nothing is known; more each time that nobody came. */
const MIN_SOLO_INSERTS = 4;
const MAX_SOLO_INSERTS = 32;

/**
 * When one of several instances that write a log tries. Those of whom it hears write in turn: who wrote the longest
 * time ago goes next, and is waited for as long as its insert would take. Who wins is decided by the store alone;
 * this decides how many inserts meet a taken number, and how long the slowest append takes.
 */
export function createTurns<Record extends LogRecord>({
  head,
  clock,
  chance,
  limits,
  hearsOthers,
}: {
  readonly head: KnownHead<Record>;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly limits: LogLimits;
  /** Whether a feed of this instance tells soon what others have stored. */
  readonly hearsOthers: () => boolean;
}) {
  /** Of this writer, among those of other instances. */
  const name = Math.floor(chance() * 2 ** 32)
    .toString(16)
    .padStart(8, '0');
  /** When it last stored something. */
  let ownAt = Number.NEGATIVE_INFINITY;
  let insertMs = 0;
  /** When each of the others was last heard to have stored something. */
  const others = new Map<string, number>();
  /** Up to which number, and when, any of them was heard of. */
  let heard = { number: 0, at: Number.NEGATIVE_INFINITY };
  let listening: (() => void) | null = null;
  /** Others were faster since this instance last waited for them in vain. */
  let areOthers = false;
  let conflicts = 0;
  let inserts = 0;
  let solo = MIN_SOLO_INSERTS;

  const turnMs = (): number => Math.min(limits.maxTurnMs, TURN_INSERTS * insertMs);
  const passed = (number: number): boolean => (head.get()?.number ?? 0) > number;

  /** Resolves with true as soon as somebody is heard of, with false when nobody is within `ms`. */
  function news(ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (isNews: boolean): void => {
        cancel();
        listening = null;
        resolve(isNews);
      };
      const cancel = clock.after(ms, () => end(false));
      listening = () => end(true);
    });
  }

  /** Those who write and have waited for longer than this instance. */
  function ahead(): readonly string[] {
    const since = clock.monotonic() - ACTIVE_ROUNDS * (others.size + 1) * turnMs();
    for (const [other, at] of others) if (at < since) others.delete(other);
    return [...others].filter(([, at]) => at < ownAt).map(([other]) => other);
  }

  async function inOrder(): Promise<void> {
    for (let before = ahead(); before.length > 0; before = ahead()) {
      const begins = Math.max(ownAt, heard.at) + before.length * turnMs();
      const left = begins - clock.monotonic();
      if (left > 0 && (await news(left))) continue;
      for (const other of before) others.delete(other);
    }
  }

  /** Lets those write of whom nothing is heard. */
  async function yieldNowAndThen(): Promise<void> {
    inserts += 1;
    const left = ownAt + turnMs() - clock.monotonic();
    if (left <= 0) inserts = 0;
    if (left <= 0 || (!areOthers && inserts < solo)) return;
    inserts = 0;
    areOthers = await news(left);
    solo = areOthers ? MIN_SOLO_INSERTS : Math.min(MAX_SOLO_INSERTS, 2 * solo);
  }

  return {
    name,
    /** Before an insert: resolves when it is this instance's turn. */
    async mine(): Promise<void> {
      if (head.get() === null) return;
      await inOrder();
      if (others.size === 0) await yieldNowAndThen();
      else inserts = 0;
    },
    /** An insert took so long and stored something. */
    stored(tookMs: number): void {
      ownAt = clock.monotonic();
      insertMs += (tookMs - insertMs) * NEWEST_WEIGHT;
      conflicts = 0;
    },
    /** Somebody else stored what follows `number`. Resolves with whether that is known to this instance now. */
    async lost(number: number): Promise<boolean> {
      areOthers = true;
      conflicts += 1;
      if (!hearsOthers()) await sleep(clock, (chance() * limits.maxConflictPauseMs) / conflicts);
      else if (heard.number <= number) await news(limits.conflictNewsMs);
      return passed(number);
    },
    /** The feed of this instance has the last record of an insert; a repeat, and what comes late, does nothing. */
    heard(writer: string, number: number): void {
      if (writer === name || number <= heard.number) return;
      heard = { number, at: clock.monotonic() };
      others.delete(writer);
      if (others.size < MAX_WRITERS) others.set(writer, heard.at);
      listening?.();
    },
  };
}
