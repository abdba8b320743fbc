import { describe, expect, it } from 'vitest';
import { createStoreClock } from '../../../src/presence/store-clock.js';
import { createManualClock } from '../../testkit/manual-clock.js';

/** A store whose clock is `ahead` of the machine's, and whose answers take their time there and back. */
function createWorld(ahead: number) {
  const clock = createManualClock();
  const storeClock = createStoreClock(clock);
  const state = { ahead };
  async function ask(there: number, back: number): Promise<void> {
    await storeClock.call(async () => {
      await clock.advance(there);
      const now = clock.monotonic() + state.ahead;
      await clock.advance(back);
      return { now };
    });
  }
  const error = (): number => storeClock.at(clock.monotonic()) - (clock.monotonic() + state.ahead);
  return { clock, storeClock, state, ask, error };
}

describe("the presence store's clock", () => {
  it('is not known before the first answer', async () => {
    const { storeClock, ask } = createWorld(1000);
    expect(storeClock.known()).toBe(false);
    await ask(1, 1);
    expect(storeClock.known()).toBe(true);
  });

  it.each([
    [0, 40],
    [40, 0],
    [20, 20],
  ])('is off by at most half of the way there (%i ms) and back (%i ms)', async (there, back) => {
    const { ask, error } = createWorld(1_764_000_000_000);
    await ask(there, back);
    expect(Math.abs(error())).toBeLessThanOrEqual((there + back + 1) / 2);
  });

  it('only becomes more exact with slower answers', async () => {
    const { ask, error } = createWorld(5_000_000);
    await ask(1, 1);
    await ask(0, 400);
    await ask(400, 0);
    expect(Math.abs(error())).toBeLessThanOrEqual(2);
  });

  it('follows when the store is set to another time', async () => {
    const { ask, error, state } = createWorld(5_000_000);
    await ask(1, 1);
    state.ahead -= 3_600_000;
    await ask(1, 1);
    expect(Math.abs(error())).toBeLessThanOrEqual(2);
  });

  it('goes on between answers', async () => {
    const { ask, clock, error } = createWorld(5_000_000);
    await ask(1, 1);
    await clock.advance(3_600_000);
    expect(Math.abs(error())).toBeLessThanOrEqual(2);
  });
});
