import { afterEach, describe, expect, it, vi } from 'vitest';
import { startSteppingMongo } from '../testkit/services/index.js';
import { ms, partOf, say, sleep, SLACK } from './scenario.js';
import { setStage, type Stage } from './stage.js';

const SECOND_MS = 1000;
const ROUNDS = 20;
/** For how long the primary is none: a replica set of one member has nobody else to be it. */
const DOWN_S = 5;
/** Until writes go on when there is a primary again. */
const PLANNED_GAP_MS = 2 * SECOND_MS;
/** The same after a kill, with the start of the server. */
const KILLED_GAP_MS = 12 * SECOND_MS;
const BETWEEN_MS = 2 * SECOND_MS;
const WAIT = { timeout: 60_000, interval: 20 };

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** The longest time without an acknowledgement from here on, until sends are acknowledged as before. */
async function writeGap({ conversation }: Stage, act: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await act();
  const acked = conversation.acked();
  await vi.waitFor(() => expect(conversation.acked()).toBeGreaterThan(acked + partOf(100)), WAIT);
  const moments = conversation.history.events.flatMap(({ op, t }) =>
    op === 'ack' && t > started ? [t] : [],
  );
  return Math.max(...moments.map((moment, index) => moment - (moments[index - 1] ?? started)));
}

describe('R11', () => {
  it('the primary steps down, and is killed, again and again: sends wait or say UNAVAILABLE, and nothing is lost', async () => {
    const mongo = await startSteppingMongo();
    closers.push(mongo.close);
    const stage = await setStage({
      env: { MONGODB_URL: mongo.url('chat') },
      load: { perSecond: 100, followers: 100 },
    });
    closers.push(stage.close);
    await sleep(3 * SECOND_MS);
    const planned: number[] = [];
    const killed: number[] = [];
    for (let round = 0; round < Math.max(2, partOf(ROUNDS)); round += 1) {
      await sleep(BETWEEN_MS);
      if (round % 2 === 0) {
        const gap = await writeGap(stage, () => mongo.stepDown(DOWN_S));
        planned.push(gap - DOWN_S * SECOND_MS);
      } else {
        killed.push(
          await writeGap(stage, async () => {
            await mongo.kill();
            await mongo.start();
          }),
        );
      }
    }
    const outcome = await stage.finish(
      'R11',
      `${planned.length} planned step-downs of ${DOWN_S} s, ${killed.length} kills of the primary`,
      {
        notes: () =>
          `writes went on within ${ms(Math.max(0, ...planned))} of the next primary, ` +
          `within ${ms(Math.max(...killed))} of a kill`,
      },
    );
    say(
      `R11: on ${mongo.version}; that a failover takes unacknowledged writes back is shown by the simulation alone`,
    );
    expect(['', 'UNAVAILABLE']).toContain([...outcome.sendsFailed.keys()].join());
    expect(outcome.reconnects).toBe(0);
    // Nobody could write while there was no primary: each step-down was one.
    expect(Math.min(...planned)).toBeGreaterThan(-SECOND_MS);
    expect(Math.max(...planned)).toBeLessThan(PLANNED_GAP_MS * SLACK);
    expect(Math.max(...killed)).toBeLessThan(KILLED_GAP_MS * SLACK);
  });
});
