import type { HistoryEvent, Stored } from './history.js';

type Ack = Extract<HistoryEvent, { op: 'ack' }>;
type Deliver = Extract<HistoryEvent, { op: 'deliver' }>;

/** A rule that a history breaks, and where. */
export interface Violation {
  readonly rule: 'H1' | 'H2' | 'H3' | 'H4' | 'H5' | 'H6' | 'H7' | 'REFUSED';
  readonly what: string;
}

export interface CheckOptions {
  /** H7: longest time from an acknowledgement to each delivery, for clients that followed all the while. */
  readonly deliveryWithinMs?: number;
}

/**
 * Judges a finished history against the final logs (by room), offline:
 *
 * H1 each acknowledged key is in the log exactly once, under the acknowledged number, id and text ·
 * H2 numbers are 1..n, no hole, no repeat · H3 each client's list is a contiguous run, exact skips apart, from
 * where it began to the head · H4 the same id and text at the same number for everybody · H5 the
 * acknowledgements of one sender rise · H6 nothing was delivered that is not in the final log · H7 each delivery
 * within a bound of the acknowledgement.
 */
export function check(
  events: readonly HistoryEvent[],
  logs: ReadonlyMap<string, readonly Stored[]>,
  options: CheckOptions = {},
): readonly Violation[] {
  const violations: Violation[] = [];
  for (const [room, log] of logs) {
    const ours = events.filter((event) => event.room === room);
    violations.push(
      ...checkLog(room, log),
      ...checkAcks(
        ours.filter((event) => event.op === 'ack'),
        log,
      ),
      ...checkDeliveries(ours, log),
    );
    if (options.deliveryWithinMs !== undefined) {
      violations.push(...checkDelays(ours, options.deliveryWithinMs));
    }
  }
  for (const event of events) {
    if (!logs.has(event.room)) violations.push({ rule: 'H6', what: `no log of room ${event.room}` });
    if (event.op === 'refused') violations.push({ rule: 'REFUSED', what: `${event.who}: ${event.problem}` });
  }
  return violations;
}

function checkLog(room: string, log: readonly Stored[]): readonly Violation[] {
  return log.flatMap(({ number }, index): Violation[] =>
    number === index + 1
      ? []
      : [{ rule: 'H2', what: `${room}: number ${number} is in place ${index + 1} of the log` }],
  );
}

function checkAcks(acks: readonly Ack[], log: readonly Stored[]): readonly Violation[] {
  const violations: Violation[] = [];
  const byText = new Map<string, Stored[]>();
  for (const stored of log) byText.set(stored.text, [...(byText.get(stored.text) ?? []), stored]);
  const newest = new Map<string, number>();
  for (const { who, number, key, text, id } of acks) {
    const stored = byText.get(text) ?? [];
    const [only] = stored;
    if (stored.length !== 1) {
      violations.push({
        rule: 'H1',
        what: `${who}: ${key}, acknowledged as ${number}, is stored ${stored.length} times`,
      });
    } else if (only?.number !== number || only.id !== id) {
      violations.push({
        rule: 'H1',
        what: `${who}: ${key}, acknowledged as ${number}, is stored as ${only?.number}`,
      });
    }
    const before = newest.get(who) ?? 0;
    if (number <= before)
      violations.push({ rule: 'H5', what: `${who}: acknowledged ${number} after ${before}` });
    newest.set(who, number);
  }
  return violations;
}

function checkDeliveries(events: readonly HistoryEvent[], log: readonly Stored[]): readonly Violation[] {
  const violations: Violation[] = [];
  const byNumber = new Map(log.map((stored) => [stored.number, stored]));
  const head = log.at(-1)?.number ?? 0;
  const position = new Map<string, number | null>();
  for (const event of events) {
    if (event.op === 'begin') position.set(event.who, event.number);
    if (event.op === 'end') position.delete(event.who);
    if (event.op !== 'deliver') continue;
    const { who, number, skipped } = event;
    const before = position.get(who);
    if (before === undefined) {
      violations.push({ rule: 'H3', what: `${who}: got ${number} when it did not follow` });
    } else if (before !== null && number !== before + 1 + skipped) {
      violations.push({ rule: 'H3', what: `${who}: got ${number} after ${before}, skipped ${skipped}` });
    }
    position.set(who, Math.max(number, before ?? 0));
    violations.push(...checkContent(event, byNumber.get(number)));
  }
  for (const [who, number] of position) {
    if (number !== head)
      violations.push({ rule: 'H3', what: `${who}: ended at ${number}, the head is ${head}` });
  }
  return violations;
}

function checkContent({ who, number, id, text }: Deliver, stored: Stored | undefined): readonly Violation[] {
  if (stored === undefined) return [{ rule: 'H6', what: `${who}: got ${number}, which is not in the log` }];
  if (stored.id === id && stored.text === text) return [];
  return [{ rule: 'H4', what: `${who}: got ${id} as ${number}, the log has ${stored.id}` }];
}

function checkDelays(events: readonly HistoryEvent[], boundMs: number): readonly Violation[] {
  return delays(events)
    .filter(({ ms }) => ms > boundMs)
    .map(({ who, number, ms }) => ({
      rule: 'H7',
      what: `${who}: got ${number} ${Math.round(ms)} ms after its acknowledgement, ${boundMs} allowed`,
    }));
}

/** Time from the first acknowledgement of a message to each of its deliveries; 0 when it was delivered before. */
export function delays(
  events: readonly HistoryEvent[],
): readonly { readonly who: string; readonly number: number; readonly ms: number }[] {
  const ackedAt = new Map<string, number>();
  for (const event of events) {
    const place = `${event.room} ${event.op === 'ack' ? event.number : ''}`;
    if (event.op === 'ack' && !ackedAt.has(place)) ackedAt.set(place, event.t);
  }
  return events.flatMap((event) => {
    if (event.op !== 'deliver') return [];
    const at = ackedAt.get(`${event.room} ${event.number}`);
    return at === undefined ? [] : [{ who: event.who, number: event.number, ms: Math.max(0, event.t - at) }];
  });
}
