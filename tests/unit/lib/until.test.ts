import { describe, expect, it } from 'vitest';
import { until } from '../../../src/lib/until.js';

describe('work that others share', () => {
  const never = new Promise<never>(() => undefined);

  it('is waited for as long as the signal allows: unavailable when it has ended, also before', async () => {
    const controller = new AbortController();
    const waiting = until(controller.signal, never);
    controller.abort(new Error('late'));
    await expect(waiting).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(until(controller.signal, never)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('gives its answer or its failure to each, and leaves nothing on their signals', async () => {
    const { signal } = new AbortController();
    let listening = 0;
    const counted = {
      get aborted() {
        return signal.aborted;
      },
      addEventListener: () => void (listening += 1),
      removeEventListener: () => void (listening -= 1),
    } as unknown as AbortSignal;
    expect(await until(counted, Promise.resolve('answer'))).toBe('answer');
    await expect(until(counted, Promise.reject(new Error('refused')))).rejects.toThrow('refused');
    await Promise.resolve();
    expect(listening).toBe(0);
  });
});
