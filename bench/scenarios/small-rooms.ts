import { startContender } from '../lib/contenders.js';
import { runLoad } from '../lib/load.js';
import { against, type Round } from '../lib/report.js';
import { interleaved, type Scenario, type Size } from '../lib/scenario.js';

const CONNECTIONS = 1000;
const SENDERS = 16;
/** Messages a second; the same for all, so that sending costs each contender the same with and without listeners. */
const RATES: Readonly<Record<number, number>> = { 10: 1500, 2: 2500 };
const WINDOW = 256;

/**
 * In small rooms a message costs more to take in than to hand out, so both are measured: with nobody there, and
 * with everybody. The difference is the cost of the deliveries alone.
 */
async function measure(name: string, members: number, size: Size): Promise<Record<string, number>> {
  const subscribers = size.count(CONNECTIONS);
  const rooms = Math.max(1, Math.floor(subscribers / members));
  const phase = `rate:steady:${RATES[members]}:1:${size.ms(1000)}:${size.ms(2500)}`;
  const contender = await startContender(name, { rooms, subscribers });
  try {
    const options = { ...contender.options, senders: SENDERS, first: rooms };
    const empty = (await runLoad({ ...options, subscribers: 0 }, [phase])).get('steady');
    const full = await runLoad({ ...options, subscribers }, [
      phase,
      `closed:closed:${WINDOW}:1:${size.ms(300)}:${size.ms(1500)}`,
    ]);
    const steady = full.get('steady');
    const closed = full.get('closed');
    if (empty === undefined || steady === undefined || closed === undefined)
      throw new Error('a phase is missing');
    const perSend = empty.cpuUs / empty.sent;
    return {
      [`${members}.cpuUsPerSend`]: perSend,
      [`${members}.cpuUsPerDelivery`]: (steady.cpuUs - perSend * steady.sent) / steady.deliveries,
      [`${members}.deliveriesPerSecond`]: closed.deliveries / closed.seconds,
      [`${members}.cpuShare`]: steady.cpuUs / (steady.seconds * 1e6),
      [`${members}.p99Ms`]: steady.latencyUs.p99 / 1000,
    };
  } finally {
    await contender.stop();
  }
}

/** Rooms of ten and of two (F6). */
export const smallRooms: Scenario = async (size) => {
  const peers = size.quick ? ['raw ws', 'mercurius'] : ['raw ws', 'mercurius', 'yoga'];
  const rounds = await interleaved(size, ['madang', ...peers], async (name) => ({
    ...(await measure(name, 10, size)),
    ...(await measure(name, 2, size)),
  }));
  const cheaper = (members: number, peer: string) => (round: Round) =>
    against(`${members}.cpuUsPerDelivery`, peer, 'madang')(round);
  const together = (members: number, peer: string) =>
    against(`${members}.deliveriesPerSecond`, 'madang', peer);
  return {
    rounds,
    ratios: {
      'F6.10': cheaper(10, 'raw ws'),
      'F6.2': cheaper(2, 'raw ws'),
      'F6.10 with sending': together(10, 'raw ws'),
      'F6.2 with sending': together(2, 'raw ws'),
      'F6.10 against mercurius': cheaper(10, 'mercurius'),
      'F6.2 against mercurius': cheaper(2, 'mercurius'),
      'F6.10 against yoga': cheaper(10, 'yoga'),
      'F6.2 against yoga': cheaper(2, 'yoga'),
    },
  };
};
