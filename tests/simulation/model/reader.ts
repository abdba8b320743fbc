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

/** Asks for the newest record of a log, and for some records by their numbers. */
export async function readSomeRecords(world: SimulatedWorld, logId: string): Promise<void> {
  const { dice, history, set } = world;
  const instance = await world.someInstance();
  const known = world.knownNumber(instance, logId);
  const durable = history.newest(logId);
  const isCalm = world.isCalm();
  const epoch = world.epoch();
  const numbers = Array.from({ length: dice.whole(1, 25) }, () => dice.whole(1, Math.max(1, durable + 1)));
  const before = new Set(numbers.filter((number) => set.at(logId, number, set.view()) !== null));
  try {
    const newest = await callInstance(world, instance, (signal) => instance.log.newest(logId, signal));
    const number = newest?.number ?? 0;
    if (!instance.alive() || epoch !== world.epoch()) return;
    if (number < known) history.violate('newest', `${number} of ${logId}, this instance knows ${known}`);
    if (isCalm && world.isCalm() && number < durable)
      history.violate('newest', `${number} of ${logId}, though ${durable} was there before`);
    if (newest !== null && !history.isDurable(newest))
      history.violate('newest', `${number} of ${logId} is not durable`);
    const positions = numbers.map((each) => ({ logId, number: each }));
    const records = await callInstance(world, instance, (signal) => instance.log.get(positions, signal));
    if (!instance.alive() || epoch !== world.epoch()) return;
    for (const record of records)
      if (!history.isDurable(record)) history.violate('get', `${record.number} of ${logId} is not durable`);
    if (!isCalm || !world.isCalm()) return;
    const found = new Set(records.map((record) => record.number));
    for (const each of before)
      if (!found.has(each) && each >= history.first(logId))
        history.violate('get', `${each} of ${logId} was not found`);
  } catch (error) {
    const code = codeOf(error);
    if (code !== 'UNAVAILABLE' && code !== 'CONNECTION') history.violate('newest', `${logId}: ${code}`);
  }
}
