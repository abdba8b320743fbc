import { describe, expect, it } from 'vitest';
import { systemIds } from '../../../src/lib/ids.js';
import { createPatientCounts } from '../../../src/presence/patient-counts.js';
import { MAX_STORE_BATCH, SWEEP_SLICE } from '../../../src/presence/presence-store.js';
import { createMemoryPresenceStore } from '../../../src/presence/presence-store.memory.js';
import { createManualClock } from '../../testkit/manual-clock.js';

const WINDOW_MS = 60_000;

/** A room with visits that all expire together, and one visit that does not. */
async function createWorld(visits: number) {
  const clock = createManualClock();
  const store = createMemoryPresenceStore({ clock, ids: systemIds, windowMs: WINDOW_MS, intervalMs: 1000 });
  const { epoch, now } = await store.beat('i');
  await store.fulfilled('i', epoch, 'load', now);
  const touch = (visitors: readonly string[]) =>
    store.touch(
      'i',
      visitors.map((visitorId) => ({ kind: 'visit', roomId: 'r', visitorId, at: clock.now() })),
    );
  for (let from = 0; from < visits; from += MAX_STORE_BATCH) {
    await touch(Array.from({ length: MAX_STORE_BATCH }, (_, index) => `v${from + index}`));
  }
  await clock.advance(WINDOW_MS / 2);
  await touch(['later']);
  await clock.advance(WINDOW_MS / 2);
  let calls = 0;
  const counts = createPatientCounts({
    read(roomIds) {
      calls += 1;
      return store.counts(roomIds);
    },
    clock,
  });
  return {
    clock,
    calls: () => calls,
    visitors: async () => (await counts(['r']))?.rooms.get('r')?.recentVisitorCount,
  };
}

describe('a read of counts', () => {
  it.each([20_000, 200_000])('RANK-2: is right at once when %i visits have expired', async (visits) => {
    const world = await createWorld(visits);
    const read = world.visitors();
    await world.clock.advance(3000);
    expect(await read).toBe(1);
    expect(await world.visitors()).toBe(1);
  });

  it('costs the store the same for one reader and for a hundred', async () => {
    const [one, many] = [await createWorld(20_000), await createWorld(20_000)];
    const alone = one.visitors();
    const together = Array.from({ length: 100 }, () => many.visitors());
    await Promise.all([one.clock.advance(3000), many.clock.advance(3000)]);
    expect(await alone).toBe(1);
    expect(await Promise.all(together)).toEqual(together.map(() => 1));
    // Each reads once before and once after.
    expect(many.calls() - one.calls()).toBeLessThanOrEqual(2 * 100);
    expect(one.calls()).toBeLessThanOrEqual(20_000 / SWEEP_SLICE + 3);
  });

  it('gives up, and says so, when that takes longer than anybody waits', async () => {
    const clock = createManualClock();
    const rooms = new Map();
    const counts = createPatientCounts({
      read: () => Promise.resolve({ now: clock.now(), epoch: 'e', loaded: true, more: true, rooms }),
      // Each series of calls takes a second.
      clock: { ...clock, after: (ms, callback) => clock.after(ms + 1000, callback) },
    });
    const read = counts(['r']);
    await clock.advance(6000);
    expect(await read).toBeNull();
  });

  it('does not wait for a store that is being filled', async () => {
    const counts = createPatientCounts({
      read: () => Promise.resolve({ now: 0, epoch: 'e', loaded: false, more: true, rooms: new Map() }),
      clock: createManualClock(),
    });
    expect((await counts(['r']))?.loaded).toBe(false);
  });
});
