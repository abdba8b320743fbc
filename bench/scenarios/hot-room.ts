import { startContender } from '../lib/contenders.js';
import { runLoad } from '../lib/load.js';
import { against } from '../lib/report.js';
import { interleaved, type Scenario } from '../lib/scenario.js';

const SUBSCRIBERS = 5000;
const MESSAGES_PER_SECOND = 10;
const PROBES_PER_SECOND = 100;
const PROBE = JSON.stringify({ query: '{ room(id: "%R") { id } }' });

/** HTTP requests while a room of five thousand takes ten messages a second (N2). */
export const hotRoom: Scenario = async (size) => {
  const subscribers = size.count(SUBSCRIBERS);
  const rounds = await interleaved(size, ['madang', 'yoga', 'mercurius'], async (name) => {
    const contender = await startContender(name, { rooms: 1, subscribers });
    try {
      const options = { ...contender.options, subscribers, senders: 4, http: 8, body: PROBE, echoed: 0 };
      const rate = name === 'madang' ? MESSAGES_PER_SECOND : 2;
      const done = await runLoad({ ...options, probes: PROBES_PER_SECOND }, [
        `rate:room:${rate}:1:${size.ms(1000)}:${size.ms(5000)}`,
      ]);
      const room = done.get('room');
      if (room === undefined) throw new Error('a phase is missing');
      return {
        deliveriesPerSecond: room.deliveries / room.seconds,
        httpP50Ms: room.httpUs.p50 / 1000,
        httpP99Ms: room.httpUs.p99 / 1000,
        deliveryP99Ms: room.latencyUs.p99 / 1000,
        cpuShare: room.cpuUs / (room.seconds * 1e6),
      };
    } finally {
      await contender.stop();
    }
  });
  return {
    rounds,
    ratios: {
      'N2.yoga': against('httpP99Ms', 'madang', 'yoga'),
      'N2.mercurius': against('httpP99Ms', 'madang', 'mercurius'),
    },
    figures: {
      N2: {
        subscribers,
        httpP99Ms: rounds.map((round) => round['madang']?.['httpP99Ms']),
        deliveriesPerSecond: rounds.map((round) => round['madang']?.['deliveriesPerSecond']),
        // The peers cannot keep up with ten a second, so they are asked for two.
        messagesPerSecond: { madang: MESSAGES_PER_SECOND, peers: 2 },
      },
    },
  };
};
