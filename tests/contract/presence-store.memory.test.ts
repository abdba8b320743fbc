import { systemIds } from '../../src/lib/ids.js';
import { createMemoryPresenceStore } from '../../src/presence/presence-store.memory.js';
import { createManualClock } from '../testkit/manual-clock.js';
import { describePresenceStore } from './presence-store.suite.js';

describePresenceStore('in process', async () => {
  const clock = createManualClock();
  const windowMs = 1_800_000;
  const intervalMs = 1000;
  return {
    store: createMemoryPresenceStore({ clock, ids: systemIds, windowMs, intervalMs }),
    windowMs,
    intervalMs,
    now: () => clock.now(),
    advance: (ms) => clock.advance(ms),
    close: () => Promise.resolve(),
  };
});
