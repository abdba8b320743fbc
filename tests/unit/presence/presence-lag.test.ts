import { expect, it } from 'vitest';
import { silentLogger } from '../../../src/lib/logger.js';
import { createPresenceLag } from '../../../src/presence/presence-lag.js';
import type { RoomStore } from '../../../src/rooms/room-store.js';
import { createManualClock } from '../../testkit/manual-clock.js';
import { createJournal, createRooms } from './world.js';

const LAG_MS = 1000;
/** Of the 25 s that a stop has, a drain and the writers of messages may take 20. */
const LEFT_MS = 4000;

it('what lags behind ends in time though a store hangs, also when a write is under way', async () => {
  const clock = createManualClock();
  const asked: AbortSignal[] = [];
  const hangs: RoomStore['raise'] = (_rooms, signal) =>
    new Promise((_resolve, reject) => {
      asked.push(signal);
      signal.addEventListener('abort', () => reject(new Error('no answer', { cause: signal.reason })));
      if (signal.aborted) reject(new Error('no time', { cause: signal.reason }));
    });
  const rooms = { ...createRooms().store, raise: hangs };
  const lag = createPresenceLag({
    rooms,
    journal: createJournal(clock).journal,
    onLate: () => undefined,
    clock,
    log: silentLogger,
  });
  lag.activity('r', 1, new Date(0));
  await clock.advance(LAG_MS);
  expect(asked).toHaveLength(1);
  lag.activity('r', 2, new Date(0));
  let ended = false;
  void lag.stop().then(() => (ended = true));
  await clock.advance(LEFT_MS);
  expect(ended).toBe(true);
});
