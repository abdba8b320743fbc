import { writeFileSync } from 'node:fs';
import { machine } from './machine.js';

/** Median and range over the rounds. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** What `--json` writes; keyed by the ids of the targets. */
export interface Report {
  readonly bench: string;
  readonly rounds: number;
  readonly quick: boolean;
  readonly machine: { readonly cores: number; readonly node: string; readonly pinned: boolean };
  readonly contenders: Readonly<Record<string, Readonly<Record<string, Spread>>>>;
  readonly ratios: Readonly<Record<string, Spread>>;
  readonly figures: Readonly<Record<string, unknown>>;
}

export type Metrics = Readonly<Record<string, number>>;
/** One round: what each contender reached. */
export type Round = Readonly<Record<string, Metrics>>;

export interface Outcome {
  readonly rounds: readonly Round[];
  /** A target, and how to get its ratio out of one round; undefined where a contender did not take part. */
  readonly ratios: Readonly<Record<string, (round: Round) => number | undefined>>;
  readonly figures?: Readonly<Record<string, unknown>>;
}

export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const low = sorted[Math.floor(middle)] ?? Number.NaN;
  const high = sorted[Math.ceil(middle)] ?? Number.NaN;
  return { median: (low + high) / 2, min: sorted[0] ?? Number.NaN, max: sorted.at(-1) ?? Number.NaN };
}

/** One metric of one contender divided by that of another one, in the same round. */
export const against =
  (metric: string, ours: string, theirs: string) =>
  (round: Round): number | undefined => {
    const above = round[ours]?.[metric];
    const below = round[theirs]?.[metric];
    return above === undefined || below === undefined ? undefined : above / below;
  };

const present = (value: number | undefined): value is number => value !== undefined && Number.isFinite(value);

export function reportOf(bench: string, quick: boolean, { rounds, ratios, figures }: Outcome): Report {
  const names = [...new Set(rounds.flatMap((round) => Object.keys(round)))];
  const contenders = names.map((name) => {
    const metrics = [...new Set(rounds.flatMap((round) => Object.keys(round[name] ?? {})))];
    const spreads = metrics.map((metric) => [
      metric,
      spread(rounds.map((round) => round[name]?.[metric]).filter(present)),
    ]);
    return [name, Object.fromEntries(spreads) as Record<string, Spread>] as const;
  });
  const compared = Object.entries(ratios)
    .map(([target, ratio]) => [target, rounds.map(ratio).filter(present)] as const)
    .filter(([, values]) => values.length > 0)
    .map(([target, values]) => [target, spread(values)] as const);
  return {
    bench,
    rounds: rounds.length,
    quick,
    machine,
    contenders: Object.fromEntries(contenders),
    ratios: Object.fromEntries(compared),
    figures: figures ?? {},
  };
}

const short = (value: number): string =>
  Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3);
const shown = ({ median, min, max }: Spread): string => `${short(median)} [${short(min)}-${short(max)}]`;

export function print(report: Report, seconds: number): void {
  console.log(`\n${report.bench}: ${report.rounds} rounds, median [range]`);
  for (const [name, metrics] of Object.entries(report.contenders)) {
    console.log(`  ${name}`);
    for (const [metric, value] of Object.entries(metrics))
      console.log(`    ${metric.padEnd(34)} ${shown(value)}`);
  }
  console.log('  ratios');
  for (const [target, value] of Object.entries(report.ratios)) {
    console.log(`    ${target.padEnd(34)} ${shown(value)}`);
  }
  for (const [target, value] of Object.entries(report.figures)) {
    console.log(`  ${target} ${JSON.stringify(value)}`);
  }
  console.log(`  ${Math.round(seconds)} s`);
}

export const save = (file: string, report: Report): void =>
  writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
