import { startCluster, type Cluster } from '../lib/cluster.js';
import { runLoad } from '../lib/load.js';
import { leaveDisk } from '../lib/machine.js';
import { against, type Metrics } from '../lib/report.js';
import { interleaved, type Scenario, type Size } from '../lib/scenario.js';

const SUBSCRIBERS = 1000;
const SENDERS = 8;
/** Messages under way in a closed loop. */
const WINDOW = 20;
const SINGLE_PER_SECOND = 40;
const MEASURED_MS = 2000;
/** Few enough subscribers that what an instance pays is the message itself. */
const LISTENERS_PER_INSTANCE = 1;
const PUBLISHES_PER_SECOND = 200;

/**
 * How many instances, and on which of them the subscribers are. One alone needs no Redis. The two of F7 run one right after
 * the other.
 */
const CONTENDERS: Readonly<Record<string, { instances: number; on: 'all' | 'last'; redis?: false }>> = {
  'madang, in memory': { instances: 1, on: 'all', redis: false },
  'madang, 1 instance': { instances: 1, on: 'all' },
  'madang, Redis between': { instances: 2, on: 'last' },
  'madang, 2 instances': { instances: 2, on: 'all' },
  'madang, 3 instances': { instances: 3, on: 'all' },
  'yoga, Redis between': { instances: 2, on: 'last' },
};

const closed = (size: Size): string => `closed:closed:${WINDOW}:1:${size.ms(1000)}:${size.ms(MEASURED_MS)}`;

/** Runs phases with a `hold` before and after each, and gives what each instance paid meanwhile. */
async function measured(cluster: Cluster, ports: readonly string[], subscribers: number, phase: string) {
  const name = phase.split(':')[1] ?? '';
  let before: readonly number[] = [];
  let paid: readonly number[] = [];
  let redisKb = 0;
  await cluster.prepare();
  const empty = await cluster.redisKb();
  const options = { ...cluster.options, port: ports.join(','), subscribers, senders: SENDERS };
  const done = await runLoad(options, ['hold:before', phase, 'hold:after'], async ({ phase: ended }) => {
    if (ended === 'before') {
      redisKb = (await cluster.redisKb()) - empty;
      before = cluster.cpuUs();
    }
    if (ended === name) paid = cluster.cpuUs().map((us, index) => us - (before[index] ?? 0));
  });
  const result = done.get(name);
  if (result === undefined) throw new Error('a phase is missing');
  return { ...result, paid, redisKb };
}

async function cluster(name: string, size: Size): Promise<Metrics> {
  const { instances, on, redis = true } = CONTENDERS[name] ?? { instances: 1, on: 'all' };
  const subscribers = size.count(SUBSCRIBERS);
  const started = await startCluster(name.startsWith('madang') ? 'madang' : 'yoga', {
    instances,
    rooms: 1,
    subscribers,
    redis,
  });
  try {
    const ports = on === 'all' ? started.ports : started.ports.slice(-1);
    const all = await measured(started, ports, subscribers, closed(size));
    const quiet = `rate:single:${SINGLE_PER_SECOND}:1:0:${size.ms(MEASURED_MS)}`;
    const alone = await measured(started, ports, subscribers, quiet);
    const last = (paid: readonly number[]): number => paid.at(-1) ?? Number.NaN;
    const here = alone.deliveries / ports.length;
    const metrics: Record<string, number> = {
      deliveriesPerSecond: all.deliveries / all.seconds,
      singleCpuUsPerDelivery: last(alone.paid) / here,
      redisKbPerSubscriber: all.redisKb / subscribers,
    };
    if (instances === 1 || on === 'last') return metrics;
    const few = LISTENERS_PER_INSTANCE * ports.length;
    const publishes = `rate:publishes:${PUBLISHES_PER_SECOND}:1:0:${size.ms(MEASURED_MS)}`;
    const published = await measured(started, ports, few, publishes);
    return { ...metrics, cpuUsPerForeignMessage: last(published.paid) / published.sent };
  } finally {
    await started.stop();
  }
}

/** One instance, several, and what Redis between them costs (F7). The stores of all lie in memory. */
export const severalInstances: Scenario = async (size) => {
  leaveDisk();
  const rounds = await interleaved(size, Object.keys(CONTENDERS), (name) => cluster(name, size));
  return {
    rounds,
    ratios: {
      F7: against('deliveriesPerSecond', 'madang, 1 instance', 'madang, in memory'),
      'F7.two': against('deliveriesPerSecond', 'madang, Redis between', 'madang, in memory'),
      'F7.cpu': against('singleCpuUsPerDelivery', 'madang, in memory', 'madang, 1 instance'),
      'F7.yoga': against('deliveriesPerSecond', 'madang, Redis between', 'yoga, Redis between'),
    },
  };
};
