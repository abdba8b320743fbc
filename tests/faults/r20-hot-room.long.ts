import { afterEach, describe, expect, it } from 'vitest';
import { percentile } from '../testkit/faults/conversation.js';
import { sumOf } from './figures.js';
import { partOf, sleep, SLACK } from './scenario.js';
import { setStage } from './stage.js';

const SECOND_MS = 1000;
const LASTS_S = 20;
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
    { perSecond: 3_000, senders: 400, ackP99Ms: 150 },
  ])('four instances write one room, $perSecond messages a second: nobody is starved', async (held) => {
    const stage = await setStage({
      instances: 4,
      load: { rooms: 1, followers: 40, senders: held.senders, perSecond: held.perSecond },
    });
    closers.push(stage.close);
    await sleep(partOf(LASTS_S) * SECOND_MS);
    const conflicts = await sumOf(stage.instances, 'chat_writer_conflicts_total');
    const outcome = await stage.finish('R20', `for ${partOf(LASTS_S)} s`, {
      notes: ({ ackMs }) =>
        `slowest ack ${Math.round(Math.max(...ackMs))} ms, ${conflicts} inserts met a taken number`,
    });
    expect(Math.max(...outcome.ackMs)).toBeLessThan(percentile(outcome.ackMs, 0.5) * STARVED);
    expect(percentile(outcome.ackMs, 0.99)).toBeLessThan(held.ackP99Ms * SLACK);
    expect(Math.max(...outcome.ackMs)).toBeLessThan(ACK_MAX_MS * SLACK);
  });
});
