import { startContender } from '../lib/contenders.js';
import { runLoad } from '../lib/load.js';
import { against } from '../lib/report.js';
import { interleaved, type Scenario } from '../lib/scenario.js';

const CONNECTIONS = 50;
const ROOMS = 100;
/**
 * The larger a program, the longer it takes to be compiled, and shorter would measure that: a message cost Madang
 * 190 µs after two seconds and 150 to 160 after ten, Mercurius 103 and 106.
 */
const WARM_MS = 10_000;

/** Messages sent over HTTP, one at a time on each connection, all stored durably (M1 to M3). */
export const mutations: Scenario = async (size) => {
  const contenders = ['madang', 'raw http', 'mercurius', 'mercurius jit', 'yoga', 'apollo'];
  const rounds = await interleaved(size, contenders, async (name) => {
    const contender = await startContender(name, { rooms: ROOMS, subscribers: 0, visitors: CONNECTIONS });
    try {
      const options = { ...contender.options, senders: 0, http: CONNECTIONS };
      const done = await runLoad(options, [`http:send:${size.tiny ? 200 : WARM_MS}:${size.ms(4000)}`]);
      const send = done.get('send');
      if (send === undefined) throw new Error('a phase is missing');
      return {
        perSecond: send.answers / send.seconds,
        cpuUsPerRequest: send.cpuUs / send.answers,
        p50Ms: send.httpUs.p50 / 1000,
        p99Ms: send.httpUs.p99 / 1000,
      };
    } finally {
      await contender.stop();
    }
  });
  return {
    rounds,
    ratios: {
      M1: against('perSecond', 'madang', 'yoga'),
      'M2.mercurius': against('perSecond', 'madang', 'mercurius'),
      'M2.jit': against('perSecond', 'madang', 'mercurius jit'),
      M3: against('perSecond', 'madang', 'raw http'),
      'M1.cpu': against('cpuUsPerRequest', 'yoga', 'madang'),
      'M2.mercurius cpu': against('cpuUsPerRequest', 'mercurius', 'madang'),
      'M3.cpu': against('cpuUsPerRequest', 'raw http', 'madang'),
      'M.apollo': against('perSecond', 'madang', 'apollo'),
    },
  };
};
