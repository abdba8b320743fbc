import { startContender } from '../lib/contenders.js';
import { runLoad } from '../lib/load.js';
import { against } from '../lib/report.js';
import { interleaved, type Scenario, type Size } from '../lib/scenario.js';

const SUBSCRIBERS = 1000;
const SENDERS = 8;
/** Messages under way in a closed loop. */
const WINDOW = 20;
const BURST = 8;
/** Under way in bursts: with fewer, a closed loop would measure how long a flush waits rather than what it carries. */
const BURST_WINDOW = 64;
const MS_PER_US = 1000;

/** Whom the slower phases are run with too. */
const RATED = new Set(['madang', 'raw ws', 'mercurius']);
const BURSTS = new Set(['madang', 'raw ws']);

function phasesFor(name: string, size: Size): string[] {
  const { ms } = size;
  // The others are far enough away that a shorter look will do.
  const [warm, long] = RATED.has(name) || name === 'yoga' ? [1000, 2500] : [500, 1500];
  const phases = [`closed:closed:${WINDOW}:1:${ms(warm)}:${ms(long)}`];
  if (BURSTS.has(name)) phases.push(`closed:burst:${BURST_WINDOW}:${BURST}:${ms(500)}:${ms(2000)}`);
  if (RATED.has(name)) phases.push(`rate:slow:10:1:${ms(300)}:${ms(3000)}`);
  if (BURSTS.has(name)) phases.push(`rate:single:40:1:${ms(300)}:${ms(2000)}`);
  if (name === 'madang') {
    phases.push(`rate:busy:200:1:${ms(500)}:${ms(3000)}`, `rate:hot:1000:1:${ms(1000)}:${ms(3000)}`);
  }
  return phases;
}

/** One room of a thousand (F1 to F5). */
export const fanOut: Scenario = async (size) => {
  const subscribers = size.count(SUBSCRIBERS);
  const contenders = ['madang', 'raw ws', 'mercurius', 'yoga', 'graphql-ws', 'apollo'];
  const rounds = await interleaved(size, contenders, async (name) => {
    const contender = await startContender(name, { rooms: 1, subscribers });
    try {
      const options = { ...contender.options, subscribers, senders: SENDERS };
      const done = await runLoad(options, phasesFor(name, size));
      const metrics: Record<string, number> = {};
      for (const [phase, { deliveries, seconds, cpuUs, latencyUs }] of done) {
        if (phase === 'connected') continue;
        metrics[`${phase}.deliveriesPerSecond`] = deliveries / seconds;
        metrics[`${phase}.cpuUsPerDelivery`] = cpuUs / deliveries;
        metrics[`${phase}.cpuShare`] = cpuUs / (seconds * 1e6);
        metrics[`${phase}.p50Ms`] = latencyUs.p50 / MS_PER_US;
        metrics[`${phase}.p99Ms`] = latencyUs.p99 / MS_PER_US;
      }
      return metrics;
    } finally {
      await contender.stop();
    }
  });
  const rate = (phase: string): string => `${phase}.deliveriesPerSecond`;
  const ours = (metric: string): number[] => rounds.map((round) => round['madang']?.[metric] ?? Number.NaN);
  return {
    rounds,
    ratios: {
      F1: against(rate('closed'), 'madang', 'raw ws'),
      // What a delivery costs is less moved by what else the machine does than how many there are.
      'F1.cpu': against('closed.cpuUsPerDelivery', 'raw ws', 'madang'),
      'F1.cpu of single events': against('single.cpuUsPerDelivery', 'raw ws', 'madang'),
      'F2.mercurius cpu': against('closed.cpuUsPerDelivery', 'mercurius', 'madang'),
      'F2.yoga cpu': against('closed.cpuUsPerDelivery', 'yoga', 'madang'),
      'F2.mercurius': against(rate('closed'), 'madang', 'mercurius'),
      'F2.yoga': against(rate('closed'), 'madang', 'yoga'),
      'F2.graphql-ws': against(rate('closed'), 'madang', 'graphql-ws'),
      'F2.apollo': against(rate('closed'), 'madang', 'apollo'),
      F3: against(rate('burst'), 'madang', 'raw ws'),
      'F3.cpu': against('burst.cpuUsPerDelivery', 'raw ws', 'madang'),
      'F5.raw': against('slow.p99Ms', 'madang', 'raw ws'),
      'F5.mercurius': against('slow.p99Ms', 'madang', 'mercurius'),
    },
    figures: {
      F4: {
        subscribers,
        gaps: 0,
        at200: { deliveriesPerSecond: ours(rate('busy')), p99Ms: ours('busy.p99Ms') },
        at1000: { deliveriesPerSecond: ours(rate('hot')), p99Ms: ours('hot.p99Ms') },
      },
    },
  };
};
