import { followed } from '../lib/list-followers.js';
import { presenceFigures } from '../lib/presence-figures.js';
import type { Metrics, Round } from '../lib/report.js';
import { fillRooms, madangList, makeFolder, plainList, type Filled } from '../lib/room-list.js';
import { interleaved, type Scenario, type Size } from '../lib/scenario.js';

const ROOM_COUNTS = [100, 1000, 10_000];
const MANY_ROOMS = 100_000;
const SUBSCRIBERS = 5000;
/** Those that take long and move little run in every third round. */
const SLOW_EVERY = 3;

const REDIS = 'madang, Redis';
const FOLLOWED = 'madang, followers';

const countsFor = ({ tiny }: Size) =>
  tiny ? { few: 100, counts: [10, 100], many: 1000 } : { few: 1000, counts: ROOM_COUNTS, many: MANY_ROOMS };

/**
 * The first page of the list of rooms: how its cost grows with the rooms, against the way one writes it first; what
 * presence costs Redis; and the list under the eyes of thousands.
 */
export const ranking: Scenario = async (size) => {
  const { few, counts, many } = countsFor(size);
  const ours = (count: number): string => `madang, ${count} rooms`;
  const plain = (count: number): string => `plain, ${count} rooms`;
  const folder = makeFolder();
  try {
    const filled = new Map<number, Filled>();
    for (const count of [...counts, many]) filled.set(count, await fillRooms(folder, count));
    const dataOf = (count: number): Filled => {
      const found = filled.get(count);
      if (found === undefined) throw new Error(`nobody made ${count} rooms`);
      return found;
    };

    function run(name: string, round: number): Promise<Metrics> {
      const isSlow = name === REDIS || name === FOLLOWED;
      if (isSlow && round % SLOW_EVERY !== 0) return Promise.resolve({});
      if (name === REDIS) return presenceFigures(size);
      if (name === FOLLOWED) return followed(dataOf(few), size.count(SUBSCRIBERS), size);
      const count = Number(/\d+/.exec(name)?.[0]);
      if (name === plain(count)) return plainList(folder, count, size);
      return madangList(folder, dataOf(count), size, count === many);
    }

    const names = [...counts.flatMap((count) => [ours(count), plain(count)]), ours(many), REDIS, FOLLOWED];
    const rounds = await interleaved(size, names, run);
    const of = (name: string, metric: string) => (round: Round) => round[name]?.[metric];
    const over =
      (metric: string, above: string, below: string) =>
      (round: Round): number =>
        (of(above, metric)(round) ?? Number.NaN) / (of(below, metric)(round) ?? Number.NaN);
    const all = (name: string, metric: string) =>
      rounds.map(of(name, metric)).filter((value) => value !== undefined);
    return {
      rounds,
      ratios: {
        [`ranking.${many} rooms against ${few}`]: over('readsPerSecond', ours(few), ours(many)),
        [`ranking.${many} rooms against ${few}, cpu`]: over('cpuUsPerRead', ours(many), ours(few)),
        ...Object.fromEntries(
          counts.map((count) => [
            `ranking.plain ${count}`,
            over('readsPerSecond', ours(count), plain(count)),
          ]),
        ),
      },
      figures: {
        ranking: {
          rooms: many,
          readP99MsUnderTouches: all(ours(many), 'readP99MsUnderTouches'),
          touchesPerSecond: all(ours(many), 'touchesPerSecond'),
          subscribers: size.count(SUBSCRIBERS),
          executionsPerChange: all(FOLLOWED, 'executionsPerChange'),
          blockedMaxMs: all(FOLLOWED, 'blockedMaxMs'),
        },
      },
    };
  } finally {
    folder.remove();
  }
};
