import { afterEach, describe, expect, it } from 'vitest';
import { percentile } from '../testkit/faults/conversation.js';
import { sumOf } from './figures.js';
import { ms, partOf, sleep, SLACK } from './scenario.js';
import { setStage } from './stage.js';

const SECOND_MS = 1000;
const LASTS_S = 20;
/** Two for each instance: what more of them cost belongs to other scenarios. */
const FOLLOWERS = 8;
/** What the first sends to a fresh instance cost says nothing about a hot room. */
const WARM_UP_S = 5;
/** Nobody is starved: not even the slowest send. */
const ACK_MAX_MS = 500;
/** The same on any machine: the slowest beside the median. */
const STARVED = 10;

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

describe('R20', () => {
  it.each([
    { perSecond: 500, senders: 100, ackP99Ms: 60 },
    { perSecond: 3_000, senders: 150, ackP99Ms: 150 },
  ])('four instances write one room, $perSecond messages a second: nobody is starved', async (held) => {
    const stage = await setStage({
      instances: 4,
      load: { rooms: 1, followers: FOLLOWERS, senders: held.senders, perSecond: held.perSecond },
    });
    closers.push(stage.close);
    const { senders } = stage.conversation;
    await sleep(WARM_UP_S * SECOND_MS);
    const cold = senders.map(({ ackMs }) => ackMs.length);
    await sleep(partOf(LASTS_S) * SECOND_MS);
    const warmAcks = (): readonly number[] => senders.flatMap(({ ackMs }, index) => ackMs.slice(cold[index]));
    const conflicts = await sumOf(stage.instances, 'chat_writer_conflicts_total');
    await stage.finish('R20', `for ${partOf(LASTS_S)} s`, {
      notes: () =>
        `when warm ack p50 ${ms(percentile(warmAcks(), 0.5))} p99 ${ms(percentile(warmAcks(), 0.99))} ` +
        `slowest ${ms(Math.max(...warmAcks()))}, ${conflicts} inserts met a taken number`,
    });
    const [median, p99, slowest] = [0.5, 0.99, 1].map((share) => percentile(warmAcks(), share));
    expect(slowest).toBeLessThan((median ?? 0) * STARVED);
    expect(p99).toBeLessThan(held.ackP99Ms * SLACK);
    expect(slowest).toBeLessThan(ACK_MAX_MS * SLACK);
  });
});
