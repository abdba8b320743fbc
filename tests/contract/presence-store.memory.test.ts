import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { systemIds } from '../../src/lib/ids.js';
import { createMemoryPresenceStore } from '../../src/presence/presence-store.memory.js';
import { MAX_STORE_BATCH, SNAPSHOT_MS } from '../../src/presence/presence-store.js';
import { createManualClock } from '../testkit/manual-clock.js';
import { describePresenceStore } from './presence-store.suite.js';

async function open() {
  const clock = createManualClock();
  // A machine that has been up for a while.
  await clock.advance(5000);
  const windowMs = 1_800_000;
  const intervalMs = 1000;
  return {
    store: createMemoryPresenceStore({ clock, ids: systemIds, windowMs, intervalMs }),
    windowMs,
    intervalMs,
    now: () => clock.now(),
    advance: (ms: number) => clock.advance(ms),
    close: () => Promise.resolve(),
  };
}

describePresenceStore('in process', open);

it('keeps no snapshot longer than two minutes after the next one', async () => {
  const { store, now, advance } = await open();
  const { epoch, now: begun } = await store.beat('instance');
  expect(begun).toBe(now());
  await store.fulfilled('instance', epoch, 'load', begun);
  for (let number = 1; number <= 4; number += 1) {
    await store.raise([{ roomId: 'r', number, at: now() }]);
    expect((await store.tick(epoch, number - 1)).taken?.revision).toBe(number);
    await advance(SNAPSHOT_MS);
  }
  const kept = await Promise.all([1, 2, 3, 4].map((revision) => store.snapshot(epoch, revision)));
  expect(kept.map((snapshot) => snapshot !== null)).toEqual([false, false, true, true]);
});

it('keeps nothing of those whose visits and connections ended', async () => {
  const { store, windowMs, now, advance } = await open();
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  async function live(round: number): Promise<void> {
    for (let batch = 0; batch < 150; batch += 1) {
      const touches = Array.from({ length: MAX_STORE_BATCH }, (_, index) => ({
        kind: index % 2 === 0 ? ('join' as const) : ('visit' as const),
        roomId: 'r',
        visitorId: `visitor ${round} ${batch} ${index}`,
        at: now(),
      }));
      await store.touch('instance', touches);
    }
    await advance(windowMs);
    while ((await store.counts(['r'])).more);
  }
  const heap = (): number => {
    collect();
    return process.memoryUsage().heapUsed;
  };
  await live(0);
  const before = heap();
  for (let round = 1; round <= 3; round += 1) await live(round);
  // Each visitor that stays is more than 200 bytes.
  expect(heap() - before).toBeLessThan(90_000 * 50);
});
