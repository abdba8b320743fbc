import { startContender } from '../lib/contenders.js';
import { runLoad } from '../lib/load.js';
import { against } from '../lib/report.js';
import { interleaved, type Scenario, type Size } from '../lib/scenario.js';

const CONNECTIONS = 1000;
const SENDERS = 16;
/** As long as V8 compiles: until then its own threads take a third of the processor. */
const WARM_UP_MS = 4000;
/** With more, five rounds took more than ten minutes. */
const MEASURED_MS = 2000;
/** Messages under way in a closed loop. */
const WINDOW = 256;

/** The others are measured with sending alone. */
const TAKE_LINES: readonly string[] = ['madang', 'raw ws'];

/** A closed loop over all rooms. */
async function measure(name: string, members: number, lines: boolean, size: Size) {
  const subscribers = size.count(CONNECTIONS);
  const rooms = Math.max(1, Math.floor(subscribers / members));
  const contender = await startContender(name, { rooms, subscribers, lines });
  try {
    const options = { ...contender.options, senders: SENDERS, first: rooms, subscribers };
    const phase = `closed:closed:${WINDOW}:1:${size.ms(WARM_UP_MS)}:${size.ms(MEASURED_MS)}`;
    const closed = (await runLoad(options, [phase])).get('closed');
    if (closed === undefined) throw new Error('a phase is missing');
    const kind = lines ? `${members}` : `${members}.with sending`;
    return {
      [`${kind}.deliveriesPerSecond`]: closed.deliveries / closed.seconds,
      [`${kind}.cpuUsPerDelivery`]: closed.cpuUs / closed.deliveries,
      [`${kind}.cpuShare`]: closed.cpuUs / (closed.seconds * 1e6),
      [`${kind}.p99Ms`]: closed.latencyUs.p99 / 1000,
    };
  } finally {
    await contender.stop();
  }
}

/**
 * Rooms of ten and of two (F6). In small rooms a message costs more to take in and to store than to hand out. What
 * handing out costs is therefore measured alone: messages come in as lines, and nobody stores them. Beside it the
 * same with sending, as clients do it.
 */
export const smallRooms: Scenario = async (size) => {
  const peers = size.quick ? ['raw ws', 'mercurius'] : ['raw ws', 'mercurius', 'yoga'];
  const rounds = await interleaved(size, ['madang', ...peers], async (name) => ({
    ...(TAKE_LINES.includes(name)
      ? { ...(await measure(name, 10, true, size)), ...(await measure(name, 2, true, size)) }
      : {}),
    ...(await measure(name, 10, false, size)),
    ...(await measure(name, 2, false, size)),
  }));
  const more = (kind: string, peer: string) => against(`${kind}.deliveriesPerSecond`, 'madang', peer);
  return {
    rounds,
    ratios: {
      'F6.10': more('10', 'raw ws'),
      'F6.2': more('2', 'raw ws'),
      'F6.10 with sending': more('10.with sending', 'raw ws'),
      'F6.2 with sending': more('2.with sending', 'raw ws'),
      'F6.10 against mercurius': more('10.with sending', 'mercurius'),
      'F6.2 against mercurius': more('2.with sending', 'mercurius'),
      'F6.10 against yoga': more('10.with sending', 'yoga'),
      'F6.2 against yoga': more('2.with sending', 'yoga'),
    },
  };
};
