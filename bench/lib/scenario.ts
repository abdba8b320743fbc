import type { Outcome, Round } from './report.js';

/** How long and how large a benchmark is. */
export interface Size {
  readonly quick: boolean;
  /** For the smoke test: everything once, with next to nothing. */
  readonly tiny: boolean;
  readonly rounds: number;
  /** Scales the length of phases and the number of subscribers. */
  readonly ms: (full: number) => number;
  readonly count: (full: number) => number;
}

export type Scenario = (size: Size) => Promise<Outcome>;

const QUICK_SHARE = 0.5;
const TINY_SHARE = 0.1;
const TINY_COUNT = 20;

export function sizeOf({
  quick,
  tiny,
  rounds,
}: {
  quick: boolean;
  tiny: boolean;
  rounds?: string | undefined;
}): Size {
  return {
    quick,
    tiny,
    rounds: rounds === undefined ? (tiny ? 1 : quick ? 2 : 5) : Math.max(1, Number.parseInt(rounds, 10)),
    ms: (full) => Math.round(full * (tiny ? TINY_SHARE : quick ? QUICK_SHARE : 1)),
    count: (full) => (tiny ? Math.min(full, TINY_COUNT) : full),
  };
}

/**
 * Runs every contender once, then all of them again: what the machine does meanwhile meets all alike. The order
 * turns by one each round.
 */
export async function interleaved(
  size: Size,
  contenders: readonly string[],
  run: (contender: string, round: number) => Promise<Readonly<Record<string, number>>>,
): Promise<Round[]> {
  const rounds: Round[] = [];
  for (let round = 0; round < size.rounds; round += 1) {
    const results: [string, Readonly<Record<string, number>>][] = [];
    for (let place = 0; place < contenders.length; place += 1) {
      const name = contenders[(place + round) % contenders.length] ?? '';
      results.push([name, await run(name, round)]);
      process.stdout.write('.');
    }
    results.sort(([a], [b]) => contenders.indexOf(a) - contenders.indexOf(b));
    rounds.push(Object.fromEntries(results));
  }
  return rounds;
}
