import { startContender } from '../lib/contenders.js';
import { runLoad } from '../lib/load.js';
import { against } from '../lib/report.js';
import { interleaved, type Scenario, type Size } from '../lib/scenario.js';

const CONNECTIONS = 50;
const ROOMS = 100;
const SUBSCRIBERS = 1000;
const SENDERS = 8;
const WINDOW = 20;
/** The larger a program, the longer it takes to be compiled: shorter would measure that. */
const WARM_MS = 5000;

async function sends(name: string, size: Size): Promise<Record<string, number>> {
  const contender = await startContender(name, { rooms: ROOMS, subscribers: 0, visitors: CONNECTIONS });
  try {
    const options = { ...contender.options, senders: 0, http: CONNECTIONS };
    const done = await runLoad(options, [`http:send:${size.tiny ? 200 : WARM_MS}:${size.ms(5000)}`]);
    const send = done.get('send');
    if (send === undefined) throw new Error('a phase is missing');
    return {
      mutationsPerSecond: send.answers / send.seconds,
      cpuUsPerMutation: send.cpuUs / send.answers,
    };
  } finally {
    await contender.stop();
  }
}

async function deliveries(name: string, size: Size): Promise<Record<string, number>> {
  const subscribers = size.count(SUBSCRIBERS);
  const contender = await startContender(name, { rooms: 1, subscribers });
  try {
    const options = { ...contender.options, subscribers, senders: SENDERS };
    const done = await runLoad(options, [`closed:closed:${WINDOW}:1:${size.ms(2000)}:${size.ms(5000)}`]);
    const closed = done.get('closed');
    if (closed === undefined) throw new Error('a phase is missing');
    return {
      deliveriesPerSecond: closed.deliveries / closed.seconds,
      cpuUsPerDelivery: closed.cpuUs / closed.deliveries,
    };
  } finally {
    await contender.stop();
  }
}

/** What the limits, authentication, checks, metrics, spans and logs cost: Madang as it is, and without them. */
export const pipeline: Scenario = async (size) => {
  const rounds = await interleaved(size, ['madang', 'madang bare'], async (name) => ({
    ...(await sends(name, size)),
    ...(await deliveries(name, size)),
  }));
  return {
    rounds,
    ratios: {
      'pipeline.mutations': against('mutationsPerSecond', 'madang', 'madang bare'),
      'pipeline.mutations cpu': against('cpuUsPerMutation', 'madang', 'madang bare'),
      'pipeline.fan-out': against('deliveriesPerSecond', 'madang', 'madang bare'),
      'pipeline.fan-out cpu': against('cpuUsPerDelivery', 'madang', 'madang bare'),
    },
  };
};
