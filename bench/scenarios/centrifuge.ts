import { buildCentrifuge } from '../lib/centrifuge.js';
import { startContender } from '../lib/contenders.js';
import { runLoad } from '../lib/load.js';
import { against } from '../lib/report.js';
import { interleaved, type Scenario, type Size } from '../lib/scenario.js';

const SUBSCRIBERS = 1000;
const SENDERS = 8;
/** Messages under way in a closed loop. */
const WINDOW = 20;
const RATES = [50, 200, 1000];
const MS_PER_US = 1000;

const phasesFor = ({ ms }: Size): string[] => [
  `closed:closed:${WINDOW}:1:${ms(1500)}:${ms(4000)}`,
  ...RATES.map((rate) => `rate:at${rate}:${rate}:1:${ms(800)}:${ms(4000)}`),
];

/**
 * One room of a thousand against the engine of Centrifugo, which joins what waits for a connection too (F9). Madang
 * stores each message on the disk before anybody is told; the engine keeps nothing.
 */
export const centrifuge: Scenario = async (size) => {
  const contenders = ['madang', 'centrifuge'];
  if (buildCentrifuge() === undefined) {
    console.log('There is no `go` here, so centrifuge does not take part.');
    contenders.pop();
  }
  const subscribers = size.count(SUBSCRIBERS);
  const rounds = await interleaved(size, contenders, async (name) => {
    const contender = await startContender(name, { rooms: 1, subscribers });
    try {
      const options = { ...contender.options, subscribers, senders: SENDERS };
      const done = await runLoad(options, phasesFor(size));
      const metrics: Record<string, number> = {};
      for (const [phase, { deliveries, seconds, cpuUs, latencyUs }] of done) {
        if (phase === 'connected') continue;
        metrics[`${phase}.deliveriesPerSecond`] = deliveries / seconds;
        metrics[`${phase}.cpuUsPerDelivery`] = cpuUs / deliveries;
        metrics[`${phase}.p50Ms`] = latencyUs.p50 / MS_PER_US;
        metrics[`${phase}.p99Ms`] = latencyUs.p99 / MS_PER_US;
      }
      return metrics;
    } finally {
      await contender.stop();
    }
  });
  const cost = (phase: string) => against(`${phase}.cpuUsPerDelivery`, 'madang', 'centrifuge');
  return {
    rounds,
    ratios: {
      'F9.50': cost('at50'),
      'F9.200': cost('at200'),
      'F9.1000': against('at1000.deliveriesPerSecond', 'madang', 'centrifuge'),
      'F9.closed': cost('closed'),
    },
  };
};
