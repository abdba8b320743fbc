import { describe, expect, test } from 'vitest';
import { createLogWorld, note, patient, LOG_ID } from '../../testkit/log/log-world.js';

describe('appending', () => {
  test('sends of one turn become one batch, numbered from 1 in the order they came', async () => {
    const { log, clock, store, counts } = createLogWorld();
    const sent = ['a', 'b', 'c'].map((text) => log.append(LOG_ID, note(text), patient()));
    await clock.pass(10);
    const answers = await Promise.all(sent);
    expect(answers.map((a) => (a.outcome === 'stored' ? [a.record.number, a.duplicate] : a))).toEqual([
      [1, false],
      [2, false],
      [3, false],
    ]);
    expect(store.all(LOG_ID).map(({ text }) => text)).toEqual(['a', 'b', 'c']);
    expect(counts.get('batch 3')).toBe(1);
  });
});
