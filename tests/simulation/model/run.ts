import { createLog } from '../../../src/log/create-log.js';
import { LOG_ID, OTHER_LOG_ID } from '../../testkit/log/log-world.js';
import { createAdversary, type Counts } from './adversary.js';
import { runSender } from './sender.js';
import { createSubscriber } from './subscriber.js';
import { STORMY, type Weather } from './weather.js';
import { createWorld, type Twist } from './world.js';

/** What one seed gave. */
export interface Outcome {
  readonly seed: number;
  readonly violations: readonly string[];
  /** What happened, one line each. */
  readonly lines: readonly string[];
  readonly acks: number;
  readonly deliveries: number;
  readonly pages: number;
  readonly steps: number;
  readonly counts: Counts;
}

export interface Schedule {
  readonly weather?: Partial<Weather>;
  readonly twist?: Twist;
  readonly load?: Partial<Load>;
  /** How long after it is stored a message may reach somebody who has caught up; without it, as long as it takes. */
  readonly maxLagMs?: number;
  /** Whether the bus is dead at the end; otherwise some seeds choose that. */
  readonly deadBus?: boolean;
}

/** Who is there, and for how long the adversary has its way. */
export interface Load {
  readonly sendersPerLog: number;
  readonly subscribersPerLog: number;
  /** Pauses between sends are that many times as long. */
  readonly pace: number;
  readonly stormMs: number;
}

const USUAL: Load = { sendersPerLog: 3, subscribersPerLog: 4, pace: 1, stormMs: 12_000 };

const LOG_IDS = [LOG_ID, OTHER_LOG_ID] as const;
const INSTANCES = 3;
const MESSAGES = 30;
/** How long senders have to finish when all is well again, and how long everything may then take to arrive. */
const FINISH_MS = 30_000;
const ARRIVE_MS = 4000;

/** Runs one seed from the beginning to the end. */
export async function runSeed(seed: number, schedule: Schedule = {}): Promise<Outcome> {
  const { weather, twist = {}, deadBus, maxLagMs = Number.POSITIVE_INFINITY } = schedule;
  const { sendersPerLog, subscribersPerLog, pace, stormMs } = { ...USUAL, ...schedule.load };
  const world = createWorld(seed, createLog, twist);
  const { scheduler, dice, history, set } = world;
  for (const logId of LOG_IDS) set.addLog(logId);
  for (let count = 0; count < INSTANCES; count += 1) world.start();
  const subscribers = LOG_IDS.flatMap((logId, log) =>
    Array.from({ length: subscribersPerLog }, (_, index) =>
      createSubscriber(world, `subscriber ${log + 1}.${index + 1}`, logId, maxLagMs),
    ),
  );
  const adversary = createAdversary(world, { ...STORMY, ...weather }, { logIds: LOG_IDS, subscribers });
  adversary.start();
  let sending = 0;
  const areSending = (): boolean => sending > 0;
  for (const [log, logId] of LOG_IDS.entries()) {
    for (let index = 1; index <= sendersPerLog; index += 1) {
      sending += 1;
      runSender(world, `sender ${log + 1}.${index}`, logId, { count: dice.whole(1, MESSAGES), pace }).then(
        () => (sending -= 1),
        (error: unknown) => history.violate('error', String(error)),
      );
    }
  }
  await scheduler.runUntil(stormMs);
  adversary.stop({ deadBus: deadBus ?? dice.happens(0.2) });
  for (let end = stormMs; areSending() && end < stormMs + FINISH_MS; end += 500)
    await scheduler.runUntil(end);
  if (areSending()) history.violate('progress', 'a sender never got its answer');
  await scheduler.runUntil(scheduler.now() + ARRIVE_MS);
  for (const subscriber of subscribers) subscriber.check();
  history.checkLogs(LOG_IDS);
  return {
    seed,
    violations: history.violations,
    lines: history.lines,
    ...history.totals(),
    steps: scheduler.steps(),
    counts: adversary.counts,
  };
}
