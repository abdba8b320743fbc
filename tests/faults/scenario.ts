import { execFileSync } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import type { CheckOptions } from '../testkit/faults/checker.js';
import type { Conversation, Outcome } from '../testkit/faults/conversation.js';
import { percentile } from '../testkit/faults/conversation.js';
import { INSPECTED, memoryOf } from '../../bench/lib/inspector.js';
import type { ServerChild } from '../testkit/server-child.js';

/** Whether the long forms run: `npm run test:faults`. */
export const isLong = process.env['MADANG_FAULTS'] === 'long';

/** The load of a scenario in the form that runs now. */
export const load = <Load>({ short, long }: { readonly short: Load; readonly long: Load }): Load =>
  isLong ? long : short;

/** Which part of the long load is asked for: `npm run test:faults -- R8 --part 0.1`. */
const part = Number(process.env['MADANG_FAULTS_PART'] ?? 1);

/** So many of a long load, or the part of them that is asked for. What was held is printed. */
export const partOf = (count: number): number => Math.max(1, Math.round(count * part));

/**
 * How many times longer than promised something may take here: the clients of a scenario work on the same machine.
 * It is the same on every machine, however busy, so that it hides nothing. Violations have no such allowance.
 */
export const SLACK = 4;

/** LOG-9: a message is delivered this long after its acknowledgement at the latest, whatever was lost on the way. */
const DELIVERED_MS = 6_000;

/** H7, which every conversation is held to unless its scenario promises something else. */
export const IN_TIME: CheckOptions = { deliveryWithinMs: DELIVERED_MS * SLACK };

export interface Row {
  readonly scenario: string;
  /** What was held, in words. */
  readonly load: string;
  readonly acked: number;
  readonly delivered: number;
  readonly violations: number;
  readonly pauseMs?: readonly number[];
  readonly exits: number;
  /** More figures, in words. */
  readonly notes?: string;
}

/** Prints a line of the table, and keeps it for the table at the end of `npm run test:faults`. */
export function report(row: Row): void {
  const pauses =
    row.pauseMs === undefined
      ? ''
      : `, pauses p99 ${ms(percentile(row.pauseMs, 0.99))} max ${ms(Math.max(0, ...row.pauseMs))}`;
  const line =
    `${row.scenario}: ${row.load}: ${row.acked} acknowledged, ${row.delivered} delivered, ` +
    `${row.violations} violations${pauses}, ${row.exits} exits${row.notes === undefined ? '' : `; ${row.notes}`}`;
  say(line);
}

/** The same for a line in words of its own. */
export function say(line: string): void {
  console.log(line);
  const file = process.env['MADANG_FAULTS_FILE'];
  if (file !== undefined) appendFileSync(file, `${line}\n`);
}

/** How many of these ended though nobody ended them for good. */
export const exitsOf = (instances: readonly ServerChild[]): number =>
  instances.filter((instance) => !instance.isRunning()).length;

/** Begins to count: gives the times of the sends that were acknowledged since, in milliseconds. */
export function acksFromNow({ senders }: Pick<Conversation, 'senders'>): () => readonly number[] {
  const before = senders.map(({ ackMs }) => ackMs.length);
  return () => senders.flatMap(({ ackMs }, index) => ackMs.slice(before[index]));
}

/** The part of a line that a conversation gives. */
export const figuresOf = (
  outcome: Outcome,
): Pick<Row, 'acked' | 'delivered' | 'violations' | 'pauseMs'> & { notes: string } => ({
  acked: outcome.acked,
  delivered: outcome.delivered,
  violations: outcome.violations.length,
  pauseMs: outcome.pauseMs,
  notes:
    `${Math.round(outcome.perSecond)} msg/s held, ack p50 ${ms(percentile(outcome.ackMs, 0.5))} p99 ${ms(percentile(outcome.ackMs, 0.99))}, ` +
    `delivery p99 ${ms(percentile(outcome.deliveryMs, 0.99))}, ${outcome.retries} retries` +
    inWords(' (', outcome.sendsFailed, ')') +
    inWords(', tries to connect failed: ', outcome.connectsFailed),
});

/** Counts by name, each with its number; nothing for none. */
const inWords = (before: string, counts: ReadonlyMap<string, number>, after = ''): string =>
  counts.size === 0
    ? ''
    : before + [...counts].map(([name, count]) => `${count} × "${name}"`).join(', ') + after;

export const ms = (value: number): string => `${Math.round(value)} ms`;

/** Settings of an instance whose heap can be weighed. */
export const WEIGHED = { NODE_OPTIONS: INSPECTED.join(' ') };

/** What an instance holds when its garbage is gone, in megabytes. It was started with `WEIGHED`. */
export async function heapMegabytes(server: ServerChild): Promise<number> {
  async function said(pattern: RegExp): Promise<RegExpExecArray> {
    const match = pattern.exec(server.output());
    if (match === null) throw new Error('The instance cannot be weighed.');
    return match;
  }
  return (await memoryOf({ said }, server.pid())).heapKb / 1024;
}

/** Memory of a process as the system counts it, in megabytes. */
export function residentMegabytes(server: ServerChild): number {
  const kilobytes = execFileSync('ps', ['-o', 'rss=', '-p', String(server.pid())], { encoding: 'utf8' });
  return Number(kilobytes) / 1024;
}

export const sleep = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
