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
    /** Turns that take so long for what others do in them. */
    async endTurns(count: number, othersMs = 0) {
      for (let turn = 0; turn < count; turn += 1) {
        now += othersMs;
        const due = ends;
        ends = [];
        for (const callback of due) {
          callback();
          // What was let in runs before anything else does, as after a callback of the event loop.
          await Promise.resolve();
          await Promise.resolve();
        }
      }
    },
    isIdle: () => ends.length === 0,
  };
}

describe('a line of newcomers', () => {
  it('lets everybody in at once who comes alone, turn for turn', async () => {
    const { come, endTurns, served, isIdle } = world();
    await come(1, 500);
    await endTurns(1);
    await come(1, 500);
    expect(served).toEqual([1, 2]);
    await endTurns(1);
    expect(isIdle()).toBe(true);
  });

  it('lets several in at once while they take less than 10 ms together', async () => {
    const { come, served } = world();
    await come(100, 1);
    expect(served).toHaveLength(10);
  });

  it('lets the others in in the order in which they came, one in every fourth turn', async () => {
    const { come, endTurns, served, isIdle } = world();
    await come(3, 20);
    await endTurns(4);
    expect(served).toEqual([1]);
    await endTurns(1);
    expect(served).toEqual([1, 2]);
    await come(1, 20);
    await endTurns(3);
    expect(served).toEqual([1, 2]);
    await endTurns(1);
    expect(served).toEqual([1, 2, 3]);
    await endTurns(4);
    expect(served).toEqual([1, 2, 3, 4]);
    expect(isIdle()).toBe(true);
    await come(1, 1);
    expect(served).toHaveLength(5);
  });

  it('lets them in in each turn where turns are long because of others', async () => {
    const { come, endTurns, served } = world();
    await come(5, 5);
    expect(served).toEqual([1, 2]);
    await endTurns(3, 70);
    expect(served).toEqual([1, 2, 3]);
    await endTurns(2, 70);
    expect(served).toEqual([1, 2, 3, 4, 5]);
    await endTurns(10, 70);
    await come(3, 5);
    expect(served).toHaveLength(7);
    await endTurns(3, 70);
    expect(served).toHaveLength(8);
  });

  it('leaves others four turns where newcomers take longer than they do', async () => {
    const { come, endTurns, served } = world();
    await come(5, 100);
    await endTurns(3, 70);
    expect(served).toEqual([1, 2]);
    await endTurns(3, 70);
    expect(served).toEqual([1, 2]);
    await endTurns(1, 70);
    expect(served).toEqual([1, 2, 3]);
  });

  it('lets those who take little in together', async () => {
    const { come, endTurns, served, isIdle } = world();
    await come(10, 1);
    await come(100, 0.1);
    expect(served).toHaveLength(10);
    await endTurns(5);
    expect(served).toHaveLength(26);
    await endTurns(4 * 6);
    expect(served).toEqual(Array.from({ length: 110 }, (_, index) => index + 1));
    expect(isIdle()).toBe(true);
  });

  it('says for how long the first one has waited', async () => {
    const { come, endTurns, line } = world();
    expect(line.waitedMs()).toBe(0);
    await come(3, 20);
    expect(line.waitedMs()).toBe(0);
    await endTurns(5);
    expect(line.waitedMs()).toBe(20);
    await endTurns(4);
    expect(line.waitedMs()).toBe(0);
  });
});
