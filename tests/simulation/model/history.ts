import { decodeCursor } from '../../../src/log/cursor.js';
import { tagOf } from '../../../src/log/log-store.js';
import type { LogPage, LogRange } from '../../../src/log/log.js';
import type { Note } from '../../testkit/log/log-world.js';
import type { Backup, ReplicaSet } from './replica-set.js';
import type { Scheduler } from './scheduler.js';

/** What clients were told, held against what is durable. Violations are named by the rules of docs/SPEC.md. */
export type History = ReturnType<typeof createHistory>;

/** Only so many of them are kept: the first one explains the rest. */
const MAX_VIOLATIONS = 20;

export function createHistory(scheduler: Scheduler, set: ReplicaSet<Note>) {
  const violations: string[] = [];
  const lines: string[] = [];
  const lastAckOf = new Map<string, number>();
  let acknowledged: Note[] = [];
  let acks = 0;
  let deliveries = 0;
  let pages = 0;

  const at = (): string => `${scheduler.now().toFixed(1)} ms`;

  function note(line: string): void {
    lines.push(`${at()} ${line}`);
  }

  function violate(rule: string, detail: string): void {
    if (violations.length < MAX_VIOLATIONS) violations.push(`${at()} ${rule}: ${detail}`);
    note(`VIOLATION ${rule}: ${detail}`);
  }

  const first = (logId: string): number => set.firsts([logId], set.localView()).get(logId) ?? 1;
  const newest = (logId: string): number => set.newest(logId, set.view())?.number ?? 0;

  /** Whether this very record is durable, or was until retention took it. */
  function isDurable(record: Note): boolean {
    if (record.number < first(record.logId)) return true;
    return set.at(record.logId, record.number, set.view())?.call === record.call;
  }

  function acknowledge(record: Note, fresh: boolean): void {
    acks += 1;
    acknowledged.push(record);
    if (!isDurable(record))
      violate('LOG-1', `acknowledged ${record.number} of ${record.logId}, which is not durable`);
    if (!fresh) return;
    const sender = `${record.logId} ${record.authorId}`;
    const last = lastAckOf.get(sender) ?? 0;
    if (record.number <= last) violate('LOG-3', `${sender} was acknowledged ${record.number} after ${last}`);
    lastAckOf.set(sender, record.number);
  }

  /** A page must hold exactly what its own head and total promise. */
  function checkPage(logId: string, range: LogRange, page: LogPage<Note>, knownNumber: number): void {
    pages += 1;
    const head = decodeCursor(logId, page.resumeCursor);
    const begin = head.number - page.total + 1;
    const number = (cursor: string | null): number | null =>
      cursor === null ? null : decodeCursor(logId, cursor).number;
    const above = Math.max(number(range.after) ?? 0, begin - 1);
    const before = number(range.before);
    const through = Math.min(before === null ? head.number : before - 1, head.number);
    const from = range.take === 'first' ? above + 1 : Math.max(above + 1, through - range.count + 1);
    const to = range.take === 'first' ? Math.min(through, above + range.count) : through;
    const numbers = page.records.map((record) => record.number);
    const expected = Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);
    const what = `${JSON.stringify(range)} of ${logId}`;
    if (numbers.join() !== expected.join())
      violate('page', `${what} gave ${numbers.join()} instead of ${expected.join()}`);
    if (numbers.length > 0 && page.hasPrevious !== from > begin)
      violate('page', `${what}: hasPrevious is wrong`);
    if (numbers.length > 0 && page.hasNext !== to < head.number) violate('page', `${what}: hasNext is wrong`);
    for (const record of page.records)
      if (!isDurable(record)) violate('LOG-1', `${what} shows ${record.number}, not durable`);
    if (head.number < knownNumber)
      violate('page', `${what} ends at ${head.number}, this instance knows ${knownNumber}`);
    const record = set.at(logId, head.number, set.view());
    if (record !== null && tagOf(record) !== head.tag)
      violate('page', `${what}: resumeCursor has another tag`);
  }

  /** At the end: every log dense, every acknowledged record in it once. */
  function checkLogs(logIds: readonly string[]): void {
    for (const logId of logIds) {
      const records = set.all(logId, set.view());
      const begin = records[0]?.number ?? 1;
      if (records.length > 0 && begin > first(logId))
        violate('LOG-2', `${logId} begins at ${begin}, above ${first(logId)}`);
      for (const [index, record] of records.entries()) {
        if (record.number !== begin + index) {
          violate('LOG-2', `${logId} has ${record.number} where ${begin + index} belongs`);
          break;
        }
      }
      const texts = new Set(records.map(({ text }) => text));
      if (texts.size < records.length) violate('LOG-5', `${logId} holds a message twice`);
    }
    for (const record of acknowledged) {
      if (!isDurable(record))
        violate('LOG-1', `${record.number} of ${record.logId} was acknowledged and is lost`);
    }
  }

  return {
    violations,
    lines,
    note,
    violate,
    first,
    newest,
    isDurable,
    acknowledge,
    checkPage,
    checkLogs,
    delivered(record: Note): void {
      deliveries += 1;
      if (!isDurable(record))
        violate('LOG-1', `delivered ${record.number} of ${record.logId}, which is not durable`);
    },
    /** What came after the backup is lost by the operator's will. */
    restored(backup: Backup<Note>): void {
      const kept = new Set(
        [...backup.logs.values()].flatMap(({ records }) => records.map(({ call }) => call)),
      );
      acknowledged = acknowledged.filter(({ call }) => kept.has(call));
      lastAckOf.clear();
    },
    totals: () => ({ acks, deliveries, pages }),
  };
}
