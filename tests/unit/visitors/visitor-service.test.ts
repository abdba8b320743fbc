import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { unavailable } from '../../../src/lib/coded-error.js';
import { systemClock } from '../../../src/lib/clock.js';
import { systemIds } from '../../../src/lib/ids.js';
import { silentLogger } from '../../../src/lib/logger.js';
import { unlimited } from '../../../src/limits/limits-over.js';
import { createMemoryPubSub } from '../../../src/pubsub/pubsub.memory.js';
import { createVisitorService } from '../../../src/visitors/visitor-service.js';

/** Longer than a name is believed without asking. */
const LATER_MS = 11_000;

/** By how much the clock of the cache is ahead. */
let aheadMs = 0;
const monotonic = performance.now.bind(performance);
beforeEach(() => {
  aheadMs = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => monotonic() + aheadMs);
});
afterEach(() => void vi.restoreAllMocks());

/** The cache looks at its clock once a millisecond. */
async function later(): Promise<void> {
  aheadMs += LATER_MS;
  await wait(20);
}

function world() {
  const state = { away: false, displayName: 'Ada', answered: Promise.resolve() };
  const refuse = (): Promise<never> => Promise.reject(new Error('not used'));
  const pubsub = createMemoryPubSub({ log: silentLogger });
  const visitors = createVisitorService({
    store: {
      async byIds(ids) {
        if (state.away) throw unavailable();
        const { displayName, answered } = state;
        await answered;
        return ids.map((id) => ({ id, createdAt: new Date(0), displayName }));
      },
      ensure: refuse,
      rename: refuse,
    },
    tokens: { sign: refuse, verify: refuse },
    pubsub,
    limits: unlimited,
    clock: systemClock,
    ids: systemIds,
    maxDisplayNameLength: 40,
    hostIdentifies: false,
  });
  const names = async (...ids: readonly string[]) =>
    [...(await visitors.byIds(ids, AbortSignal.timeout(5000))).values()].map(
      ({ displayName }) => displayName,
    );
  return { state, names, pubsub };
}

describe('names, while the store is away', () => {
  it('are those that were known last, so that a message which another server announces is shown', async () => {
    const { state, names } = world();
    expect(await names('a')).toEqual(['Ada']);
    state.away = true;
    await later();
    expect(await names('a')).toEqual(['Ada']);
    await expect(names('a', 'never seen')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    state.away = false;
    state.displayName = 'Countess';
    await later();
    expect(await names('a')).toEqual(['Countess']);
  });

  it('are those that were announced since, of who is known: a rename elsewhere takes no message back', async () => {
    const { state, names, pubsub } = world();
    expect(await names('a')).toEqual(['Ada']);
    state.away = true;
    pubsub.publish('visitorRenamed', 'all', { visitorId: 'a', displayName: 'Lovelace' });
    pubsub.publish('visitorRenamed', 'all', { visitorId: 'never seen', displayName: 'Kim' });
    await wait(20);
    expect(await names('a')).toEqual(['Lovelace']);
    await expect(names('never seen')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    state.away = false;
    state.displayName = 'Countess';
    await later();
    expect(await names('a')).toEqual(['Countess']);
  });
});

it('VISITOR-4: asks again for a name that was announced while it was read', async () => {
  const { state, names, pubsub } = world();
  let answer = (): void => undefined;
  state.answered = new Promise((resolve) => (answer = resolve));
  const reading = names('a');
  state.displayName = 'Lovelace';
  pubsub.publish('visitorRenamed', 'all', { visitorId: 'a', displayName: 'Lovelace' });
  await wait(20);
  answer();
  await reading;
  expect(await names('a')).toEqual(['Lovelace']);
});

it('asks for a name that was announced: two at once may have been stored in another order', async () => {
  const { state, names, pubsub } = world();
  expect(await names('a')).toEqual(['Ada']);
  state.displayName = 'Countess';
  pubsub.publish('visitorRenamed', 'all', { visitorId: 'a', displayName: 'Lovelace' });
  await wait(20);
  expect(await names('a')).toEqual(['Countess']);
});
