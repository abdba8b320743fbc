import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bounds,
  FOLLOWED_MESSAGES,
  newerWindow,
  NEWEST,
  olderWindow,
  SHOWN_MESSAGES,
} from '../../../client/src/room/message-window.js';

describe('message window', () => {
  it('follows the newest messages and keeps their number', () => {
    expect(bounds(NEWEST, 1, 500)).toEqual({ from: 500 - FOLLOWED_MESSAGES + 1, to: 500 });
    expect(bounds(NEWEST, 1, 20)).toEqual({ from: 1, to: 20 });
  });

  it('reaches the first message and comes back to the newest', () => {
    let shown = NEWEST;
    for (let step = 0; step < 40; step++) shown = olderWindow(shown, 1, 1000);
    expect(bounds(shown, 1, 1000).from).toBe(1);
    for (let step = 0; step < 40; step++) shown = newerWindow(shown, 1, 1000);
    expect(bounds(shown, 1, 1000).to).toBe(1000);
    expect(shown.to).toBeNull();
  });

  it('never shows more than a page can bear, nor a message that is not held', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('older', 'newer'), { maxLength: 60 }),
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 0, max: 2000 }),
        (steps, first, length) => {
          const last = first + length;
          let shown = NEWEST;
          for (const step of steps) {
            shown = (step === 'older' ? olderWindow : newerWindow)(shown, first, last);
            const { from, to } = bounds(shown, first, last);
            expect(from).toBeGreaterThanOrEqual(first);
            expect(to).toBeLessThanOrEqual(last);
            expect(to - from).toBeLessThan(SHOWN_MESSAGES);
            expect(to).toBeGreaterThanOrEqual(from);
          }
        },
      ),
    );
  });
});
