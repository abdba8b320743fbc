import { afterEach, describe, expect, it } from 'vitest';
import { delays } from '../testkit/faults/checker.js';
import { percentile } from '../testkit/faults/conversation.js';
import { acksFromNow, ms, sleep, SLACK } from './scenario.js';
import { setStage, type Stage } from './stage.js';

const SECOND_MS = 1000;
const ACK_P99_MS = 50;
const DELIVERY_P99_MS = 100;
/**
 * The first sends to a fresh instance are slow whatever it does: its code is not compiled yet, and each visitor and
 * each head is asked for once. In the first two seconds they take ten times as long as afterwards.
 */
const WARM_UP_S = 10;
const EXIT_WITHIN_MS = 25 * SECOND_MS;
const PAUSE_MAX_MS = 25 * SECOND_MS;

/** As for killed instances (R2): who is sent away connects to the next one. */
const RESTART_PAUSE_P99_MS = 3 * SECOND_MS;
const RESTART_PAUSE_MAX_MS = 6 * SECOND_MS;

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** How long the connections of an instance that is stopped take to be closed, and how much fuller a second may be. */
const DRAIN_WINDOW_MS = 5 * SECOND_MS;
const BUSIEST = 2;

/** How many connections ended in the busiest second of a drain that began at `from`, and how many on average. */
function spreadOfCloses(
  { conversation }: Stage,
  from: number,
  to: number,
): { busiest: number; mean: number } {
  const moments = conversation.followers
    .flatMap(({ endedAt }) => endedAt)
    .filter((moment) => moment >= from && moment <= to)
    .toSorted((a, b) => a - b);
  const [first = from] = moments;
  const perSecond = new Map<number, number>();
  for (const moment of moments) {
    const second = Math.floor((moment - first) / SECOND_MS);
    perSecond.set(second, (perSecond.get(second) ?? 0) + 1);
  }
  return {
    busiest: Math.max(0, ...perSecond.values()),
    mean: moments.length / (DRAIN_WINDOW_MS / SECOND_MS),
  };
}

/** How many sends were tried more than once. */
const retriedSends = ({ conversation }: Stage): number =>
  conversation.senders.reduce((sum, sender) => sum + sender.retried(), 0);

describe('R1', () => {
  it('nothing happens: nobody reconnects, and no send is tried twice', async () => {
    const stage = await setStage();
    closers.push(stage.close);
    await sleep(WARM_UP_S * SECOND_MS);
    const warmAcks = acksFromNow(stage.conversation);
    const warmAt = performance.now();
    await sleep(60 * SECOND_MS);
    const acks = warmAcks();
    const { history } = stage.conversation;
    const deliveryP99 = (): number =>
      percentile(
        delays(history.events.filter(({ t }) => t >= warmAt)).map(({ ms: delay }) => delay),
        0.99,
      );
    const outcome = await stage.finish('R1', `for ${WARM_UP_S} s and 60 s`, {
      notes: () =>
        `when warm ack p50 ${ms(percentile(acks, 0.5))} p99 ${ms(percentile(acks, 0.99))}, delivery p99 ${ms(deliveryP99())}`,
    });
    expect([outcome.retries, outcome.reconnects]).toEqual([0, 0]);
    expect(percentile(acks, 0.99)).toBeLessThan(ACK_P99_MS * SLACK);
    expect(deliveryP99()).toBeLessThan(DELIVERY_P99_MS * SLACK);
  });
});

describe('R21', () => {
  it('each instance is stopped and started in turn, three rounds: each ends in order, in time, and by and by', async () => {
    const stage = await setStage({
      env: { DRAIN_DELAY_MS: '2000', DRAIN_WINDOW_MS: String(DRAIN_WINDOW_MS) },
    });
    closers.push(stage.close);
    const exitMs: number[] = [];
    const closes: { readonly busiest: number; readonly mean: number }[] = [];
    for (let round = 0; round < 3; round += 1) {
      for (const instance of stage.instances) {
        await sleep(2 * SECOND_MS);
        const started = performance.now();
        expect(await instance.stop()).toEqual({ code: 0, signal: null });
        const ended = performance.now();
        exitMs.push(ended - started);
        closes.push(spreadOfCloses(stage, started, ended));
        await instance.restart();
      }
    }
    const outcome = await stage.finish('R21', '3 rounds of rolling restarts', {
      notes: ({ retries }) =>
        `exits within ${ms(Math.max(...exitMs))}, connections closed in the busiest second and on average ` +
        `${closes.map(({ busiest, mean }) => `${busiest}/${mean.toFixed(1)}`).join(' ')}, ` +
        `${retries - retriedSends(stage)} sends failed after a retry`,
    });
    expect(Math.max(...exitMs)).toBeLessThan(EXIT_WITHIN_MS);
    for (const { busiest, mean } of closes) {
      expect(mean).toBeGreaterThan(0);
      expect(busiest).toBeLessThanOrEqual(Math.max(1, BUSIEST * mean));
    }
    expect(outcome.retries).toBe(retriedSends(stage));
    expect(percentile(outcome.pauseMs, 0.99)).toBeLessThan(RESTART_PAUSE_P99_MS * SLACK);
    expect(Math.max(...outcome.pauseMs)).toBeLessThan(RESTART_PAUSE_MAX_MS * SLACK);
  });
});

describe('R22', () => {
  it('an instance freezes for 15 s and comes back: its clients move, and its late work breaks nothing', async () => {
    const stage = await setStage();
    closers.push(stage.close);
    await sleep(5 * SECOND_MS);
    stage.instances[1]?.pause();
    await sleep(15 * SECOND_MS);
    stage.instances[1]?.resume();
    await sleep(10 * SECOND_MS);
    const outcome = await stage.finish('R22', 'one instance frozen for 15 s', {
      // Whoever hung on it hears everything once it has moved.
      checks: { deliveryWithinMs: PAUSE_MAX_MS * SLACK },
    });
    expect(outcome.reconnects).toBeGreaterThan(0);
    expect(Math.max(...outcome.pauseMs)).toBeLessThan(PAUSE_MAX_MS * SLACK);
  });
});
