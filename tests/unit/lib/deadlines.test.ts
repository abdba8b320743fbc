import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/lib/clock.js';
import { createDeadlines } from '../../../src/lib/deadlines.js';

function makeWorld() {
  let now = 0;
  const controllers: AbortController[] = [];
  const lengths: number[] = [];
  const clock = {
    ...systemClock,
    monotonic: () => now,
    deadline(ms: number) {
      const controller = new AbortController();
      controllers.push(controller);
      lengths.push(ms);
      return controller.signal;
    },
  };
  const deadline = createDeadlines({ clock, ms: 5000 });
  return { deadline, controllers, lengths, advance: (ms: number) => (now += ms) };
}

describe('deadlines', () => {
  it('are shared by those who ask within one slice, and by nobody later', () => {
    const { deadline, advance, lengths } = makeWorld();
    const first = deadline();
    advance(19);
    expect(deadline()).toBe(first);
    advance(1);
    expect(deadline()).not.toBe(first);
    expect(lengths).toEqual([5000, 5000]);
  });

  it('are shared by a few alone', () => {
    const { deadline } = makeWorld();
    const signals = Array.from({ length: 100 }, () => deadline());
    expect(new Set(signals).size).toBe(2);
  });
});
