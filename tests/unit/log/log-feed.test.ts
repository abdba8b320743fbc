import { describe, expect, test } from 'vitest';
import { createInstance, createLogWorld, note, patient, LOG_ID } from '../../testkit/log/log-world.js';
import { followLog } from '../../testkit/log/follower.js';

describe('a follower', () => {
  test('gets what is appended here and at another instance, once and in order', async () => {
    const world = createLogWorld();
    const other = createInstance(world);
    const joining = followLog(world.log.follow(LOG_ID), null, patient());
    await world.clock.pass(10);
    const follower = await joining;
    for (const [index, { log }] of [world, other, world, other].entries()) {
      void log.append(LOG_ID, note(`text ${index}`), patient());
      await world.clock.pass(20);
    }
    expect(follower.shown).toEqual(['1', '2', '3', '4']);
    expect(world.released.map(({ number }) => number)).toEqual([1, 2, 3, 4]);
    expect(other.released.map(({ number }) => number)).toEqual([2, 4]);
  });
});
