import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PROBE_MS, SILENCE_MS, createBusHealth } from '../../../src/pubsub/bus-health.js';
import { createFakeClock } from '../../testkit/log/fake-clock.js';

const LINK_MS = 5;
const SECOND_MS = 1000;

/** A carrier with switches: `carries` loses or delivers tokens, `restores` puts subscriptions in force or hangs. */
function world() {
  const clock = createFakeClock();
  const carrier = { carries: true, restores: 'yes' as 'yes' | 'no' | 'hangs' };
  const seen = {
    modes: [] as string[],
    restored: 0,
    reconnects: 0,
    tokens: [] as string[],
    probes: [] as number[],
    failures: 0,
  };
  let count = 0;
  const health = createBusHealth({
    clock,
    ids: { uuid: () => 'uuid', random64: () => `token-${(count += 1)}` },
    sendToken(token) {
      seen.tokens.push(token);
      if (carrier.carries) clock.after(LINK_MS, () => health.heard(token));
    },
    async restore() {
      seen.restored += 1;
      if (carrier.restores === 'hangs') await new Promise(() => undefined);
      if (carrier.restores === 'no') throw new Error('refused');
    },
    reconnect: () => void (seen.reconnects += 1),
    onMode: (mode) => seen.modes.push(mode),
    onProbe: (seconds) => void seen.probes.push(seconds),
    onFailure: () => void (seen.failures += 1),
  });
  const pushing = async () => {
    health.connected();
    await clock.pass(PROBE_MS);
    if (health.mode() !== 'push') throw new Error('The bus did not come up.');
    seen.modes.length = 0;
    seen.restored = 0;
  };
  return { clock, carrier, seen, health, pushing };
}

describe('createBusHealth', () => {
  it('begins in polling, and stays there while nothing is connected', async () => {
    const { health, clock, carrier, seen } = world();
    carrier.carries = false;
    expect(health.mode()).toBe('polling');
    await clock.pass(60 * SECOND_MS);
    expect(health.mode()).toBe('polling');
    expect(seen.modes).toEqual([]);
  });

  it('pushes once subscriptions are in force and a token sent after that came back', async () => {
    const { health, clock, seen } = world();
    health.connected();
    await clock.pass(LINK_MS - 1);
    expect([seen.restored, health.mode()]).toEqual([1, 'polling']);
    await clock.pass(1);
    expect(seen.modes).toEqual(['push']);
  });

  it('pushes on for as long as tokens come back, and tells how long they took', async () => {
    const { health, clock, seen, pushing } = world();
    await pushing();
    await clock.pass(60 * SECOND_MS);
    expect([health.mode(), seen.modes, seen.restored, seen.reconnects, seen.failures]).toEqual([
      'push',
      [],
      0,
      0,
      0,
    ]);
    expect(seen.probes.length).toBeGreaterThan(100);
    expect(new Set(seen.probes)).toEqual(new Set([LINK_MS / SECOND_MS]));
  });

  it('does not take a token that was sent before subscriptions were in force for a proof', async () => {
    const { health, clock, carrier, seen } = world();
    carrier.carries = false;
    health.connected();
    await clock.pass(1);
    health.heard(seen.tokens[0]!);
    expect(health.mode()).toBe('polling');
  });

  it('polls within twice the interval of tokens when they do not come back', async () => {
    const { health, clock, carrier, pushing } = world();
    await pushing();
    carrier.carries = false;
    await clock.pass(2 * PROBE_MS + 2);
    expect(health.mode()).toBe('polling');
  });

  it.each(['a publish fails', 'the connection is made anew'])('polls at once when %s', async (what) => {
    const { health, pushing, seen } = world();
    await pushing();
    if (what === 'a publish fails') health.failed();
    else health.connected();
    expect(seen.modes).toEqual(['polling']);
  });

  it('restores every subscription before it pushes again, even when the connection never broke', async () => {
    const { health, clock, carrier, seen, pushing } = world();
    await pushing();
    carrier.carries = false;
    await clock.pass(2 * SECOND_MS);
    carrier.carries = true;
    await clock.pass(2 * SECOND_MS);
    expect(seen.modes).toEqual(['polling', 'push']);
    expect(seen.restored).toBe(1);
    expect(health.mode()).toBe('push');
  });

  it('does not push when a publish fails between the restoration and the token', async () => {
    const { health, clock, seen } = world();
    health.connected();
    await clock.pass(1);
    health.failed();
    await clock.pass(LINK_MS);
    expect(seen.modes).toEqual([]);
    await clock.pass(2 * SECOND_MS);
    expect([seen.modes, seen.restored]).toEqual([['push'], 2]);
  });

  it('ignores a restoration that was overtaken by another connection', async () => {
    const { health, clock, carrier, seen } = world();
    carrier.restores = 'hangs';
    health.connected();
    carrier.restores = 'yes';
    health.connected();
    await clock.pass(PROBE_MS);
    expect([seen.modes, seen.restored]).toEqual([['push'], 2]);
  });

  it.each(['no', 'hangs'] as const)('tries again when the restoration ends with: %s', async (restores) => {
    const { health, clock, carrier } = world();
    carrier.restores = restores;
    health.connected();
    await clock.pass(10 * SECOND_MS);
    expect(health.mode()).toBe('polling');
    carrier.restores = 'yes';
    await clock.pass(10 * SECOND_MS);
    expect(health.mode()).toBe('push');
  });

  it('connects anew after silence, and not more often than the silence lasts', async () => {
    const { clock, carrier, seen, pushing } = world();
    await pushing();
    carrier.carries = false;
    await clock.pass(SILENCE_MS - 1);
    expect(seen.reconnects).toBe(0);
    await clock.pass(10 * SILENCE_MS);
    expect(seen.reconnects).toBeGreaterThanOrEqual(8);
    expect(seen.reconnects).toBeLessThanOrEqual(10);
  });

  it('reports round trips and failures', async () => {
    const { clock, carrier, seen, pushing, health } = world();
    await pushing();
    expect([seen.probes.length > 0, seen.failures]).toEqual([true, 0]);
    health.failed();
    carrier.carries = false;
    await clock.pass(5 * SECOND_MS);
    expect(seen.failures).toBeGreaterThan(5);
  });

  it('says nothing more once it is stopped', async () => {
    const { clock, seen, pushing, health } = world();
    await pushing();
    health.stop();
    health.failed();
    health.connected();
    await clock.pass(10 * SECOND_MS);
    expect([seen.modes, seen.restored]).toEqual([[], 0]);
    expect(clock.pending()).toBe(0);
  });
});

type Step =
  | { do: 'connect' }
  | { do: 'fail' }
  | { do: 'acknowledge'; which: number }
  | { do: 'refuse'; which: number }
  | { do: 'bring back'; which: number }
  | { do: 'pass'; ms: number };

const which = fc.nat(4);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('connect' as const, 'fail' as const) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('acknowledge' as const), which }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('refuse' as const), which }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('bring back' as const), which }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 1600 }) }),
  },
);

/** A carrier that does everything when it is told to: the newest of what is under way is number 0. */
function slowWorld() {
  const clock = createFakeClock();
  /** All that happened is numbered. */
  let now = 0;
  let [connectedAt, failedAt, restoredAt, heardAt] = [0, 0, 0, 0];
  const restores: { connectedAt: number; resolve: () => void; reject: (error: Error) => void }[] = [];
  const tokens: { text: string; sentAt: number }[] = [];
  const pushes: boolean[] = [];
  const health = createBusHealth({
    clock,
    ids: { uuid: () => 'uuid', random64: () => `token-${(now += 1)}` },
    sendToken: (text) => void tokens.unshift({ text, sentAt: (now += 1) }),
    restore: () => new Promise((resolve, reject) => void restores.unshift({ connectedAt, resolve, reject })),
    reconnect: () => undefined,
    onMode(mode) {
      if (mode === 'push') pushes.push(restoredAt > Math.max(connectedAt, failedAt) && heardAt > restoredAt);
    },
    onProbe: () => undefined,
    onFailure: () => void (failedAt = now += 1),
  });
  return {
    clock,
    health,
    restores,
    tokens,
    /** For each time that it said `push`, whether nothing can have been missed. */
    pushes,
    async run(action: Step): Promise<void> {
      if (action.do === 'pass') return clock.pass(action.ms);
      if (action.do === 'connect') {
        connectedAt = now += 1;
        health.connected();
      } else if (action.do === 'fail') health.failed();
      else if (action.do === 'bring back') {
        const token = tokens[action.which];
        if (token === undefined) return undefined;
        heardAt = Math.max(heardAt, token.sentAt);
        health.heard(token.text);
      } else {
        const [restore] = restores.splice(action.which, 1);
        if (action.do === 'refuse') restore?.reject(new Error('refused'));
        else if (restore !== undefined) {
          const isFirst = restoredAt <= Math.max(connectedAt, failedAt);
          if (restore.connectedAt === connectedAt && isFirst) restoredAt = now += 1;
          restore.resolve();
        }
      }
      return clock.pass(0);
    },
  };
}

describe('whatever comes late, or of a connection that is gone', () => {
  it('push means: since the connection, and since what failed, all was put in force and a token came back', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40, size: 'max' }), async (steps) => {
        const { clock, health, pushes, run, tokens, restores } = slowWorld();
        for (const action of steps) await run(action);
        expect(pushes).not.toContain(false);
        await run({ do: 'connect' });
        await run({ do: 'acknowledge', which: 0 });
        await run({ do: 'bring back', which: 0 });
        expect(health.mode()).toBe('push');
        // After its end it does nothing more.
        await run({ do: 'connect' });
        health.stop();
        const sent = tokens.length;
        for (const { resolve } of restores) resolve();
        for (const { text } of tokens) health.heard(text);
        health.connected();
        health.failed();
        await clock.pass(10 * SECOND_MS);
        expect([health.mode(), tokens.length, clock.pending()]).toEqual(['polling', sent, 0]);
      }),
      { numRuns: 200 },
    );
  });

  it('what is never acknowledged is tried again after three seconds, and not before', async () => {
    const { clock, restores, run, health } = slowWorld();
    await clock.pass(SECOND_MS);
    await run({ do: 'connect' });
    for (let half = 0; half < 5; half += 1) {
      await run({ do: 'bring back', which: 0 });
      await clock.pass(PROBE_MS);
    }
    expect(restores).toHaveLength(1);
    for (let half = 0; half < 4; half += 1) {
      await run({ do: 'bring back', which: 0 });
      await clock.pass(PROBE_MS);
    }
    expect(restores).toHaveLength(2);
    await run({ do: 'refuse', which: 1 });
    await run({ do: 'acknowledge', which: 0 });
    await run({ do: 'bring back', which: 0 });
    expect(health.mode()).toBe('push');
  });

  it('what is refused is tried again with the next token', async () => {
    const { clock, restores, run, health } = slowWorld();
    await run({ do: 'connect' });
    await run({ do: 'refuse', which: 0 });
    await run({ do: 'bring back', which: 0 });
    expect(restores).toHaveLength(1);
    await run({ do: 'acknowledge', which: 0 });
    await clock.pass(1);
    await run({ do: 'bring back', which: 0 });
    expect(health.mode()).toBe('push');
  });
});
