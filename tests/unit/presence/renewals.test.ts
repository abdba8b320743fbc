import { expect, it, onTestFinished } from 'vitest';
import { everySlice } from '../../../src/presence/renewals.js';
import { createManualClock } from '../../testkit/manual-clock.js';

const ROUND = { ms: 1000, slices: 10 };
const EACH = Array.from({ length: ROUND.slices }, (_, slice) => slice);

function world() {
  const clock = createManualClock();
  const renewed: number[] = [];
  const stop = everySlice(
    clock,
    ROUND,
    (slice) => renewed.push(slice),
    (error) => {
      throw error;
    },
  );
  onTestFinished(stop);
  return { clock, renewed };
}

it('renews each slice once a round', async () => {
  const { clock, renewed } = world();
  await clock.advance(2 * ROUND.ms);
  expect(renewed).toEqual([...EACH, ...EACH]);
});

it('renews all in a round where its timers come late', async () => {
  const { clock, renewed } = world();
  for (let passed = 0; passed < ROUND.ms; passed += 160) {
    clock.freeze(160);
    await clock.advance(0);
  }
  expect(renewed.slice(0, ROUND.slices)).toEqual(EACH);
});

it('renews each slice once after it stood still, however long that was', async () => {
  const { clock, renewed } = world();
  clock.freeze(60 * ROUND.ms);
  await clock.advance(0);
  expect(renewed).toEqual(EACH);
});
