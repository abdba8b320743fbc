import { describe, expect, it } from 'vitest';
import { PATIENCE_MS, createBreaker } from '../../../src/limits/breaker.js';
import { createFakeClock } from '../../testkit/log/fake-clock.js';

const never = new Promise<never>(() => undefined);

function world() {
  const clock = createFakeClock();
  const changes: boolean[] = [];
  const calls = { service: 0, standIn: 0, trial: 0 };
  const service = { answer: (): Promise<string> => Promise.resolve('service') };
  const breaker = createBreaker({
    clock,
    trial() {
      calls.trial += 1;
      return service.answer();
    },
    onChange: (open) => changes.push(open),
  });
  const run = () =>
    breaker.run(
      () => {
        calls.service += 1;
        return service.answer();
      },
      () => {
        calls.standIn += 1;
        return Promise.resolve('stand-in');
      },
    );
  return { clock, changes, calls, service, breaker, run };
}

describe('createBreaker', () => {
  it('gives the answer of a service that answers', async () => {
    const { run, changes, clock } = world();
    expect(await run()).toBe('service');
    expect(changes).toEqual([]);
    expect(clock.pending()).toBe(0);
  });

  it('waits once for a service that hangs, and from then on not at all', async () => {
    const { run, clock, service, calls, changes } = world();
    service.answer = () => never;
    const first = [run(), run()];
    await clock.pass(PATIENCE_MS + 1);
    expect(await Promise.all(first)).toEqual(['stand-in', 'stand-in']);
    // Without any time passing.
    expect(await run()).toBe('stand-in');
    expect([calls.service, changes]).toEqual([2, [true]]);
  });

  it('passes a service over at once when it fails', async () => {
    const { run, service, changes } = world();
    service.answer = () => Promise.reject(new Error('refused'));
    expect(await run()).toBe('stand-in');
    expect(changes).toEqual([true]);
  });

  it('uses the service again after a trial in the background succeeds, and not before', async () => {
    const { run, clock, service, changes, calls } = world();
    service.answer = () => Promise.reject(new Error('refused'));
    await run();
    await clock.pass(5000);
    expect(calls.trial).toBeGreaterThan(1);
    expect(await run()).toBe('stand-in');
    service.answer = () => Promise.resolve('service');
    await clock.pass(2000);
    expect(await run()).toBe('service');
    expect(changes).toEqual([true, false]);
    expect(clock.pending()).toBe(0);
  });

  it('does not reject when an answer comes late as a failure', async () => {
    const { run, clock, service } = world();
    let fail: (error: Error) => void = () => undefined;
    service.answer = () =>
      new Promise((_, reject) => {
        fail = reject;
      });
    const answer = run();
    await clock.pass(PATIENCE_MS + 1);
    fail(new Error('much later'));
    expect(await answer).toBe('stand-in');
  });

  it('leaves no timer behind when it is stopped', async () => {
    const { run, clock, service, breaker } = world();
    service.answer = () => Promise.reject(new Error('refused'));
    await run();
    breaker.stop();
    expect(clock.pending()).toBe(0);
  });

  it.each(['answers', 'fails'])(
    'does nothing more once it is stopped, when a call or a trial then %s',
    async (how) => {
      const { run, clock, service, breaker, changes, calls } = world();
      const settle: (() => void)[] = [];
      service.answer = () =>
        new Promise((resolve, reject) =>
          settle.push(how === 'fails' ? () => reject(new Error('refused')) : () => resolve('service')),
        );
      const first = run();
      await clock.pass(PATIENCE_MS + 1);
      expect(await first).toBe('stand-in');
      await clock.pass(1000);
      expect([calls.trial, changes]).toEqual([1, [true]]);
      breaker.stop();
      for (const each of settle.splice(0)) each();
      await clock.pass(10_000);
      expect([calls.trial, changes, clock.pending()]).toEqual([1, [true], 0]);
    },
  );

  it('says nothing of a call that fails once it is stopped, and tries no more', async () => {
    const { run, clock, service, breaker, changes, calls } = world();
    let fail = (): void => undefined;
    service.answer = () => new Promise((_resolve, reject) => (fail = () => reject(new Error('refused'))));
    const running = run();
    breaker.stop();
    fail();
    expect(await running).toBe('stand-in');
    await clock.pass(10_000);
    expect([calls.trial, changes, clock.pending()]).toEqual([0, [], 0]);
  });
});
