import { encodeCursor } from '../../../src/log/cursor.js';
import { tagOf } from '../../../src/log/log-store.js';
import type { LogRange } from '../../../src/log/log.js';
import { codeOf } from './code-of.js';
import { callInstance } from './sender.js';
import type { SimulatedWorld } from './world.js';

/** Reads one page somewhere in a log, and checks it. */
export async function readSomePage(world: SimulatedWorld, logId: string): Promise<void> {
  const { dice, history, set } = world;
  const cursorNear = (): string | null => {
    const record = set.at(logId, dice.whole(1, Math.max(1, history.newest(logId))), set.view());
    if (record === null || dice.happens(0.4)) return null;
    return encodeCursor(logId, { number: record.number, tag: tagOf(record) });
  };
  const range: LogRange = {
    take: dice.pick(['first', 'last'] as const),
    count: dice.whole(1, 30),
    after: cursorNear(),
    before: cursorNear(),
  };
  const instance = await world.someInstance();
  const known = world.knownNumber(instance, logId);
  try {
    const page = await callInstance(world, instance, (signal) => instance.log.page(logId, range, signal));
    if (instance.alive()) history.checkPage(logId, range, page, known);
  } catch (error) {
    const code = codeOf(error);
    if (code !== 'UNAVAILABLE' && code !== 'CONNECTION') {
      history.violate('page', `${JSON.stringify(range)} of ${logId}: ${code}`);
    }
  }
}
