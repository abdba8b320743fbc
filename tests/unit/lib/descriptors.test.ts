import { describe, expect, it } from 'vitest';
import { watchDescriptors } from '../../../src/lib/descriptors.js';
import { silentLogger, type Logger } from '../../../src/lib/logger.js';
import { createManualClock } from '../../testkit/manual-clock.js';

const failure = (code: string) => Object.assign(new Error(code), { code });

function world() {
  const clock = createManualClock();
  const lines: unknown[] = [];
  const log: Logger = { ...silentLogger, error: (fields) => void lines.push(fields) };
  let fails: string | null = null;
  const watched = watchDescriptors({
    clock,
    log,
    open() {
      if (fails !== null) throw failure(fails);
    },
  });
  return { clock, lines, watched, fail: (code: string | null) => (fails = code) };
}

describe('the watch of file descriptors', () => {
  it('says once per second that none is left, while that is so and however often it is told', async () => {
    const { clock, lines, watched, fail } = world();
    await clock.advance(5000);
    expect(lines).toEqual([]);
    fail('EMFILE');
    for (let connection = 0; connection < 100; connection += 1) watched.failed(failure('EMFILE'));
    await clock.advance(3000);
    expect(lines.length).toBeGreaterThanOrEqual(3);
    expect(lines.length).toBeLessThanOrEqual(4);
    expect(lines[0]).toEqual({ code: 'EMFILE' });
    fail(null);
    const told = lines.length;
    await clock.advance(5000);
    expect(lines.length).toBe(told);
    watched.stop();
  });

  it('says what else keeps connections from being accepted, and nothing of a machine without a null device', async () => {
    const { clock, lines, watched, fail } = world();
    fail('ENOENT');
    await clock.advance(3000);
    expect(lines).toEqual([]);
    watched.failed(failure('ECONNABORTED'));
    expect(lines).toMatchObject([{ err: { code: 'ECONNABORTED' } }]);
    watched.stop();
  });
});
