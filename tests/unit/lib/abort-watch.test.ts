import { describe, expect, it } from 'vitest';
import { createAbortWatch } from '../../../src/lib/abort-watch.js';

describe('a watch over signals', () => {
  it('calls everybody who waits when a signal aborts, once, and nobody who was taken out', () => {
    const aborts = createAbortWatch();
    const [one, other] = [new AbortController(), new AbortController()];
    const told: string[] = [];
    const gone = () => void told.push('gone');
    aborts.add(one.signal, () => told.push('first'));
    aborts.add(one.signal, gone);
    aborts.add(other.signal, () => told.push('other'));
    aborts.add(one.signal, () => told.push('second'));
    aborts.remove(one.signal, gone);
    one.abort();
    one.abort();
    expect(told).toEqual(['first', 'second']);
  });

  it('lets a callback take out others that wait for the same signal', () => {
    const aborts = createAbortWatch();
    const { signal, abort } = (() => {
      const controller = new AbortController();
      return { signal: controller.signal, abort: () => controller.abort() };
    })();
    const told: string[] = [];
    const second = () => void told.push('second');
    aborts.add(signal, () => aborts.remove(signal, second));
    aborts.add(signal, second);
    abort();
    expect(told).toEqual([]);
  });

  it('listens to a signal once, however many share it', () => {
    const aborts = createAbortWatch();
    const { signal } = new AbortController();
    let listeners = 0;
    const listen = signal.addEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof listen>) => {
      listeners += 1;
      listen(...args);
    };
    for (let index = 0; index < 100; index += 1) aborts.add(signal, () => index);
    expect(listeners).toBe(1);
  });
});
