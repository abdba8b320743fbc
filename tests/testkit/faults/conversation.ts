import { expect, vi } from 'vitest';
import { createRoom, createVisitor, readLog } from '../seed.js';
import { check, delays, type CheckOptions, type Violation } from './checker.js';
import { startFollower, type Follower } from './follower.js';
import { createHistory, type History, type Stored } from './history.js';
import { createSender, type Sender } from './sender.js';

export interface ConversationOptions {
  /** Where clients connect, one for each instance. A client moves to another one with each try. */
  readonly targets: readonly (() => string)[];
  readonly rooms: number;
  readonly followers: number;
  readonly senders: number;
  /** Messages of all senders together; 0: they send only when told. */
  readonly perSecond: number;
  /** Characters of each text beyond its key. */
  readonly padding?: number;
}

/** What a conversation came to. */
export interface Outcome {
  readonly acked: number;
  /** Acknowledged messages per second that were really held, over all troubles. */
  readonly perSecond: number;
  readonly delivered: number;
  readonly violations: readonly Violation[];
  readonly retries: number;
  /** Why tries to send, and tries to connect, failed: each reason with how often it was met. */
  readonly sendsFailed: ReadonlyMap<string, number>;
  readonly connectsFailed: ReadonlyMap<string, number>;
  readonly reconnects: number;
  readonly ackMs: readonly number[];
  readonly deliveryMs: readonly number[];
  /** The longest pause of each client. */
  readonly pauseMs: readonly number[];
}

/** Many clients who talk and listen in many rooms, whatever happens to the servers, and remember everything. */
export interface Conversation {
  readonly history: History;
  readonly roomIds: readonly string[];
  readonly followers: readonly Follower[];
  readonly senders: readonly Sender[];
  /** How many messages were acknowledged so far. */
  acked(): number;
  /** Ends it: the last messages are acknowledged, everybody reaches the head, and the history is judged. */
  finish(options?: CheckOptions): Promise<Outcome>;
}

/** Longest time that everybody may take to reach the head after the last message. */
const SETTLE_MS = 45_000;

export async function startConversation(options: ConversationOptions): Promise<Conversation> {
  const { targets, perSecond } = options;
  const history = createHistory();
  const first = targets[0]?.() ?? '';
  const host = await patiently(() => createVisitor(first));
  const roomIds: string[] = [];
  for (let index = 0; index < options.rooms; index += 1)
    roomIds.push(await patiently(() => createRoom(first, host)));
  const roomOf = (index: number): string => roomIds[index % roomIds.length] ?? '';

  const followers = Array.from({ length: options.followers }, (_, index) =>
    startFollower({
      who: `follower-${index}`,
      roomId: roomOf(index),
      target: wandering(targets, index),
      history,
    }),
  );
  const senders: Sender[] = [];
  for (let index = 0; index < options.senders; index += 1) {
    senders.push(
      createSender({
        who: `sender-${index}`,
        roomId: roomOf(index),
        visitor: await patiently(() => createVisitor(first)),
        target: rotating(targets, index),
        history,
        padding: options.padding ?? 0,
      }),
    );
  }
  await Promise.all(followers.map(({ begun }) => begun));
  const started = performance.now();
  if (perSecond > 0) for (const sender of senders) sender.run(perSecond / senders.length);

  return {
    history,
    roomIds,
    followers,
    senders,
    acked: () => senders.reduce((sum, sender) => sum + sender.acked(), 0),
    async finish(checks = {}) {
      await Promise.all(senders.map((sender) => sender.stop()));
      const seconds = (performance.now() - started) / 1000;
      const acked = senders.reduce((sum, sender) => sum + sender.acked(), 0);
      const url = await anyThatAnswers(targets);
      const logs = new Map<string, readonly Stored[]>();
      for (const roomId of roomIds) logs.set(roomId, await patiently(() => readLog(url, roomId)));
      const lagging = (): number =>
        followers.filter((follower, index) => follower.position() !== headOf(logs, roomOf(index))).length;
      // Whether they do reach it is for the checker to say, with names.
      await vi
        .waitFor(() => expect(lagging()).toBe(0), { timeout: SETTLE_MS, interval: 50 })
        .catch(() => undefined);
      await Promise.all(followers.map((follower) => follower.stop()));
      const differing = await compareLogs(targets, logs);
      const { events } = history;
      const outcome: Outcome = {
        acked,
        perSecond: acked / seconds,
        delivered: events.filter(({ op }) => op === 'deliver').length,
        violations: [...check(events, logs, checks), ...differing],
        retries: senders.reduce((sum, sender) => sum + sender.retries(), 0),
        sendsFailed: together(senders.map(({ failures }) => failures)),
        connectsFailed: together(followers.map(({ failures }) => failures)),
        reconnects: followers.reduce((sum, follower) => sum + follower.reconnects(), 0),
        ackMs: senders.flatMap(({ ackMs }) => ackMs),
        deliveryMs: delays(events).map(({ ms }) => ms),
        pauseMs: followers.map((follower) => follower.longestPauseMs()),
      };
      return outcome;
    },
  };
}

/** Fails with the violations and the place of the whole history; also when nothing was said or heard at all. */
export function expectFlawless(outcome: Outcome, history: History): void {
  const { violations } = outcome;
  if (violations.length > 0) {
    const shown = violations.slice(0, 20).map(({ rule, what }) => `${rule} ${what}`);
    expect.fail(`${violations.length} violations, history in ${history.save()}:\n${shown.join('\n')}`);
  }
  expect(outcome.acked).toBeGreaterThan(0);
  expect(outcome.delivered).toBeGreaterThan(0);
}

/** The sum of several counts, by name. */
function together(all: readonly ReadonlyMap<string, number>[]): ReadonlyMap<string, number> {
  const sums = new Map<string, number>();
  for (const counts of all) for (const [name, count] of counts) sums.set(name, (sums.get(name) ?? 0) + count);
  return sums;
}

/** A server that was just started, or that others keep busy, may ask to try again. */
const patiently = <Value>(ask: () => Promise<Value>): Promise<Value> =>
  vi.waitFor(ask, { timeout: SETTLE_MS, interval: 200 });

const headOf = (logs: ReadonlyMap<string, readonly Stored[]>, roomId: string): number =>
  logs.get(roomId)?.at(-1)?.number ?? 0;

/** A target that moves on with each call. */
export function rotating(targets: readonly (() => string)[], first: number): () => string {
  let next = first;
  return () => {
    const target = targets[next % targets.length];
    next += 1;
    if (target === undefined) throw new Error('no targets');
    return target();
  };
}

/**
 * A target that is another one with each call, by chance, as behind a load balancer. Were it always the next one, all
 * clients would soon be at one instance, and all of them would have to move when it ends.
 */
function wandering(targets: readonly (() => string)[], first: number): () => string {
  let next = first;
  return () => {
    const target = targets[next % targets.length];
    next += 1 + Math.floor(Math.random() * (targets.length - 1));
    if (target === undefined) throw new Error('no targets');
    return target();
  };
}

async function anyThatAnswers(targets: readonly (() => string)[]): Promise<string> {
  return vi.waitFor(
    async () => {
      for (const target of targets) {
        const answer = await Promise.resolve()
          .then(() => fetch(`${target()}/readyz`))
          .catch(() => null);
        if (answer?.ok === true) return target();
      }
      throw new Error('no instance is ready');
    },
    { timeout: SETTLE_MS, interval: 100 },
  );
}

/** History pages must be the same on every instance that answers. */
async function compareLogs(
  targets: readonly (() => string)[],
  logs: ReadonlyMap<string, readonly Stored[]>,
): Promise<readonly Violation[]> {
  const violations: Violation[] = [];
  for (const target of targets) {
    for (const [roomId, log] of logs) {
      const other = await Promise.resolve()
        .then(() => readLog(target(), roomId))
        .catch(() => null);
      if (other !== null && JSON.stringify(other) !== JSON.stringify(log)) {
        violations.push({ rule: 'H4', what: `pages of ${roomId} differ between instances` });
      }
    }
  }
  return violations;
}

/** The value that this share of them does not exceed; 0 for none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
}
