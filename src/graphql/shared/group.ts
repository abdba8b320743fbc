import type { ExecutionResult, GraphQLError } from 'graphql';
import type { Clock } from '../../lib/clock.js';
import { CodedError } from '../../lib/coded-error.js';
import type { Followed } from '../../lib/followed.js';
import { createBatches } from './batch.js';
import { createMember, isWritable, type Leavable, type Member } from './member.js';
import { createPayloads } from './payloads.js';
import type { Pump } from './pump.js';
import { createReads, type Deliveries } from './reads.js';
import { retryPauseMs } from './retry-pause.js';
import type { Sink } from './sink.js';

/** A busy group wakes its subscribers at most this often, in milliseconds; the first event after quiet at once. */
const MIN_FLUSH_INTERVAL_MS = 20;
/** Members already served that a line may hold before it is cut. */
const MAX_SERVED_KEPT = 4096;

export interface GroupOptions<Position extends string | number> {
  readonly source: Followed<Position, unknown>;
  /** Executes the group's document for one event; never throws or rejects. */
  readonly execute: (event: unknown) => ExecutionResult | Promise<ExecutionResult>;
  /** Hears when the result of an event was sent for the first time. */
  readonly onFirstSent: (event: unknown) => void;
  /** Null when the group may execute an event at once, else the turn in which it may. */
  readonly nextShare: () => Promise<void> | null;
  /** What a subscriber is told when its cursor cannot be read on from. */
  readonly toClientError: (error: unknown) => GraphQLError;
  readonly pump: Pump;
  readonly clock: Clock;
}

/**
 * Subscribers that receive the same results, wherever each of them stands. Each event is executed once; each
 * subscriber is sent the results behind its own position, in order, when it can be written to.
 *
 * A subscriber is in one of these places: in line (`next` or `current`), `waiting` for the source to advance,
 * or parked with whoever puts it back in line: an execution, a read of the store, its connection.
 */
export function createGroup<Position extends string | number>(options: GroupOptions<Position>) {
  const { source, pump, clock } = options;
  type M = Member<Position>;
  const payloads = createPayloads(options.execute, clock, options.onFirstSent, options.nextShare, rest);
  const waiting = new Set<M>();
  /** Woken by the source, for the flush to come. */
  let next: M[] = [];
  /** In line now; `head` of them are served. */
  let current: M[] = [];
  let head = 0;
  let lastFlush = -MIN_FLUSH_INTERVAL_MS;
  let cancelFlush: (() => void) | null = null;
  /** Whether what the next member in line will read is already being executed. */
  let primed = true;
  let advances = 0;
  const reads = createReads(source);
  const batches = createBatches(payloads, putInLine);

  const endAdvance = source.onAdvance(() => {
    advances += 1;
    reads.clear();
    batches.clear();
    for (const member of waiting) {
      member.queued = true;
      next.push(member);
    }
    waiting.clear();
    if (next.length === 0 || cancelFlush !== null) return;
    const wait = lastFlush + MIN_FLUSH_INTERVAL_MS - clock.monotonic();
    if (wait <= 0) flush();
    else cancelFlush = clock.after(wait, flush);
  });

  function flush(): void {
    cancelFlush = null;
    lastFlush = clock.monotonic();
    for (const member of next) current.push(member);
    next = [];
    primed = false;
    pump.add(group);
  }

  function putInLine(member: M): void {
    if (member.gone || member.queued) return;
    member.queued = true;
    current.push(member);
    pump.add(group);
  }

  function failed(member: M, error: unknown): void {
    if (member.gone) return;
    if (!(error instanceof CodedError) || error.code !== 'UNAVAILABLE') {
      leave(member);
      member.subscription.leave();
      member.sink.outlet.fail(member.sink, options.toClientError(error));
      return;
    }
    clock.after(retryPauseMs(member.failures), () => putInLine(member));
    member.failures += 1;
  }

  /** Sends what a read gave, as far as it is made. Whether anything was sent. */
  function send(member: M, deliveries: Deliveries<Position>): boolean {
    member.failures = 0;
    const batch = batches.for(member, deliveries);
    if (batch.payloads.length === 0) return false;
    member.held = null;
    member.mayJump = false;
    member.position = batch.last;
    member.sink.outlet.deliver(member.sink, batch.payloads);
    for (const payload of batch.payloads) payloads.sent(payload);
    return true;
  }

  function park(member: M): void {
    member.sink.outlet.onceWritable(member.sink, () => {
      member.mayJump = true;
      putInLine(member);
    });
  }

  /** Serves one member: one write at most. Afterwards it is in line again, waiting, or parked. */
  function step(member: M): void {
    if (!isWritable(member)) return park(member);
    let answer = readOrFail(member);
    if (answer instanceof Promise) {
      const asked = advances;
      answer.then(
        (deliveries) => arrived(member, deliveries, asked),
        (error: unknown) => failed(member, error),
      );
      return;
    }
    if (answer !== null && answer.length > 0) {
      if (!send(member, answer)) return;
      if (!isWritable(member)) return park(member);
      answer = readOrFail(member);
      if (answer instanceof Promise || (answer !== null && answer.length > 0)) return putInLine(member);
    }
    if (answer !== null) caughtUp(member);
  }

  function readOrFail(member: M) {
    try {
      return reads.read(member);
    } catch (error) {
      failed(member, error);
      return null;
    }
  }

  /** "Caught up" and "waits for the source" are one turn: an advance between them would be missed. */
  function caughtUp(member: M): void {
    member.failures = 0;
    member.replayed = false;
    member.mayJump = false;
    if (!member.gone) waiting.add(member);
  }

  function arrived(member: M, deliveries: Deliveries<Position>, asked: number): void {
    if (member.gone) return;
    if (!isWritable(member)) return park(member);
    if (deliveries.length === 0 && asked === advances) return caughtUp(member);
    if (deliveries.length === 0 || send(member, deliveries)) putInLine(member);
  }

  /**
   * Begins the executions that a flush needs, so that what came in one turn leaves in one write. Whether the
   * results are there: else they may be in the next turn.
   */
  function prime(member: M): boolean {
    primed = true;
    try {
      const answer = reads.read(member);
      return answer instanceof Promise || batches.prepare(answer);
    } catch {
      // The member itself meets the same failure when it is served.
      return true;
    }
  }

  function rest(): void {
    reads.clear();
    batches.clear();
  }

  function leave(member: M): void {
    if (member.gone) return;
    member.gone = true;
    member.held = null;
    waiting.delete(member);
  }

  const group = {
    /** Serves members in line; see `Worker`. */
    work(budget: number): number {
      const first = current[head];
      if (!primed && first !== undefined && !prime(first)) {
        pump.add(group);
        return 1;
      }
      let used = 0;
      for (; used < budget && head < current.length; head += 1) {
        const member = current[head];
        if (member === undefined) break;
        member.queued = false;
        if (member.gone) continue;
        used += 1;
        step(member);
      }
      // What is served goes, also when the line never ends.
      if (head === current.length || head > MAX_SERVED_KEPT) {
        current = current.slice(head);
        head = 0;
      }
      if (current.length > 0) pump.add(group);
      return used;
    },
    /** Where a new subscriber stands; see `Followed.begin`. */
    begin: (after: string | null, signal: AbortSignal) => source.begin(after, signal),
    /**
     * A subscriber that stands at `position` is served from now on, until it leaves.
     *
     * @param subscription - left when its cursor cannot be read on from, just before `sink.fail`.
     */
    join(sink: Sink, position: Position, subscription: Leavable): M {
      const member = createMember(sink, position, subscription);
      putInLine(member);
      return member;
    },
    /** Takes a member out; twice does nothing. */
    leave,
    /** Forgets results whose events `affected` picks. */
    forget: (affected: (event: unknown) => boolean) => payloads.forget(affected),
    /** Lets the source go. The last member has left. */
    close(): void {
      cancelFlush?.();
      endAdvance();
      payloads.close();
      source.close();
    },
  };
  return group;
}

export type Group<Position extends string | number> = ReturnType<typeof createGroup<Position>>;
