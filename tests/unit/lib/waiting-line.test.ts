import { describe, expect, it } from 'vitest';
import { createWaitingLine } from '../../../src/lib/waiting-line.js';

/** A line, and turns of an event loop that are ended by hand. */
function world() {
  let now = 0;
  let ends: (() => void)[] = [];
  const line = createWaitingLine({
    clock: { monotonic: () => now },
    nextTurn: (callback) => void ends.push(callback),
  });
  const served: number[] = [];
  let came = 0;
  return {
    line,
    served,
    /** Newcomers that each take so long once they are in. */
    async come(count: number, eachMs: number) {
      for (let index = 0; index < count; index += 1) {
        const number = (came += 1);
        const wait = line.join();
        const serve = (): void => {
          served.push(number);
          now += eachMs;
        };
        if (wait === null) serve();
        else void wait.then(serve);
      }
    },
    async endTurn() {
      const due = ends;
      ends = [];
      for (const callback of due) {
        callback();
        // What was let in runs before anything else does, as after a callback of the event loop.
        await Promise.resolve();
        await Promise.resolve();
      }
    },
    isIdle: () => ends.length === 0,
  };
}

describe('a line of newcomers', () => {
  it('lets everybody in at once who comes alone, turn for turn', async () => {
    const { come, endTurn, served, isIdle } = world();
    await come(1, 500);
    await endTurn();
    await come(1, 500);
    expect(served).toEqual([1, 2]);
    await endTurn();
    expect(isIdle()).toBe(true);
  });

  it('lets several in at once while they take less than 10 ms together', async () => {
    const { come, served } = world();
    await come(100, 1);
    expect(served).toHaveLength(10);
  });

  it('lets the others in one by one, in the order in which they came, one in each turn', async () => {
    const { come, endTurn, served, isIdle } = world();
    await come(3, 20);
    expect(served).toEqual([1]);
    await endTurn();
    expect(served).toEqual([1, 2]);
    await come(1, 1);
    expect(served).toEqual([1, 2]);
    await endTurn();
    await endTurn();
    expect(served).toEqual([1, 2, 3, 4]);
    await endTurn();
    expect(isIdle()).toBe(true);
    await come(1, 1);
    expect(served).toHaveLength(5);
  });

  it('says for how long the first one has waited', async () => {
    const { come, endTurn, line } = world();
    expect(line.waitedMs()).toBe(0);
    await come(3, 20);
    expect(line.waitedMs()).toBe(0);
    await endTurn();
    expect(line.waitedMs()).toBe(20);
    await endTurn();
    expect(line.waitedMs()).toBe(0);
  });
});
