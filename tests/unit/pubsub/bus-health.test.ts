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
    probes: 0,
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
    onProbe: () => void (seen.probes += 1),
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
    expect([seen.probes > 0, seen.failures]).toEqual([true, 0]);
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
