import { describe, expect, it } from 'vitest';
import { createPresenceLoader } from '../../../src/presence/presence-loader.js';
import { silentLogger } from '../../../src/lib/logger.js';
import { createWorld, WINDOW_MS } from './world.js';

const MINUTE_MS = 60_000;

describe('a healing', () => {
  it.each([
    { pauseMs: MINUTE_MS, lookedBackMs: 3 * MINUTE_MS, why: 'in its turn' },
    // The store's clock was set ahead, or the store was away.
    {
      pauseMs: 10 * MINUTE_MS,
      lookedBackMs: WINDOW_MS,
      why: 'after a pause, in which visits may have ended early',
    },
  ])('$why adds again the visits of $lookedBackMs ms', async ({ pauseMs, lookedBackMs }) => {
    const { clock, store, rooms, messages, journal } = createWorld();
    const asked: number[] = [];
    const loader = createPresenceLoader({
      store,
      rooms: rooms.store,
      messages: messages.store,
      journal: {
        ...journal,
        recent(maxAgeMs, signal) {
          asked.push(maxAgeMs);
          return journal.recent(maxAgeMs, signal);
        },
      },
      listed: () => [],
      onLag: () => undefined,
      instance: 'i',
      clock,
      log: silentLogger,
      windowMs: WINDOW_MS,
    });
    const beat = await store.beat('i');
    const duty = { kind: 'heal', healedAt: beat.now - pauseMs } as const;
    expect(await loader.fulfil(beat, duty, new AbortController().signal)).toBe(true);
    expect(asked).toEqual([lookedBackMs]);
  });
});
