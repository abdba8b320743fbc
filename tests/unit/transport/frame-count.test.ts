import { expect, it } from 'vitest';
import type { Window } from '../../../src/limits/rate-limits.js';
import { createConnection } from '../../../src/transport/connection.js';
import { createFrameCount } from '../../../src/transport/frame-count.js';
import { createManualClock } from '../../testkit/manual-clock.js';

/** Sockets whose frames are counted on a clock that the test moves; what became of each is told by its number. */
function world(framesPerSocket: Window | null) {
  const clock = createManualClock();
  const told: string[] = [];
  const count = createFrameCount({
    limits: { framesPerSocket },
    clock,
    onTooMany: ({ id }) => void told.push(`${id} is closed`),
  });
  function socket(id: string) {
    const ws = { pause: () => void told.push(`${id} is not read`) };
    const known = { id, request: null, address: '192.0.2.1', openedAt: 0 };
    const connection = createConnection({ ...known, ws, socket: {} } as never);
    /** What the last of so many frames led to. */
    return (frames: number): readonly string[] => {
      for (let sent = 0; sent < frames; sent += 1) {
        told.length = 0;
        count(connection);
      }
      return [...told];
    };
  }
  return { clock, socket };
}

it('closes a socket once, with the first frame that is too many, and reads what is on its way up to twice as many', () => {
  const { socket } = world({ points: 3, seconds: 10 });
  const [one, another] = [socket('1'), socket('2')];
  expect(one(3)).toEqual([]);
  expect(one(1)).toEqual(['1 is closed']);
  expect([one(1), one(1)]).toEqual([[], []]);
  expect(one(1)).toEqual(['1 is not read']);
  expect([another(3), another(1)]).toEqual([[], ['2 is closed']]);
});

it('counts anew when the seconds are over, from the frame that comes then, and not before', async () => {
  const { clock, socket } = world({ points: 3, seconds: 10 });
  const frames = socket('1');
  await clock.advance(4000.5);
  expect(frames(3)).toEqual([]);
  await clock.advance(10_000);
  expect(frames(3)).toEqual([]);
  await clock.advance(9999);
  expect(frames(1)).toEqual(['1 is closed']);
  await clock.advance(1);
  expect([frames(3), frames(1)]).toEqual([[], ['1 is closed']]);
});

it('counts nothing without a limit', () => {
  expect(world(null).socket('1')(1000)).toEqual([]);
});
