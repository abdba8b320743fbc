import { setTimeout as wait } from 'node:timers/promises';
import { INSTANCES, SUBSCRIBERS } from '../lib/capacity.js';
import { startCluster, type Cluster } from '../lib/cluster.js';
import { runLoad, type LoadOptions } from '../lib/load.js';
import { presenceCosts, publishCosts } from '../lib/redis-costs.js';
import { leaveDisk } from '../lib/machine.js';
import type { Metrics } from '../lib/report.js';
import { interleaved, type Scenario, type Size } from '../lib/scenario.js';

const ROOMS = 20;
const SENDERS = 20;
const SENDS_PER_SECOND = 100;
const VISITS_PER_SECOND = 200;
const ROOM_COUNTS = [1000, 10_000, 100_000];
const MS_PER_SECOND = 1000;

const VISIT = 'mutation($input: VisitRoomInput!) { visitRoom(input: $input) { userErrors { code } } }';
const VISITING: LoadOptions = {
  sending: JSON.stringify({
    id: '%I',
    type: 'subscribe',
    payload: { query: VISIT, variables: { input: { roomId: '%R' } } },
  }),
};

interface Work {
  readonly redisScripts: number;
  readonly redisPublishes: number;
  readonly redisCpuUs: number;
  readonly storeCpuUs: number;
}

async function workOf(cluster: Cluster): Promise<Work> {
  const { scripts, publishes, cpuUs } = await cluster.redisWork();
  return {
    redisScripts: scripts,
    redisPublishes: publishes,
    redisCpuUs: cpuUs,
    storeCpuUs: cluster.storeCpuUs(),
  };
}

const KINDS = ['redisScripts', 'redisPublishes', 'redisCpuUs', 'storeCpuUs'] as const;

const NOTHING: Work = {
  redisScripts: 0,
  redisPublishes: 0,
  redisCpuUs: 0,
  storeCpuUs: 0,
};

/** Each kind of work, made of that in several others. */
const combine = (all: readonly Work[], make: (values: readonly number[]) => number): Work => {
  const made: Record<keyof Work, number> = { ...NOTHING };
  for (const kind of KINDS) made[kind] = make(all.map((work) => work[kind]));
  return made;
};
const between = (before: Work, after: Work, times: number): Work =>
  combine([before, after], ([from = 0, to = 0]) => (to - from) / times);
const named = (name: string, work: Work): Metrics =>
  Object.fromEntries(KINDS.map((kind) => [`${name}.${kind}`, work[kind]]));

/** What two instances ask of Redis and MongoDB: when nothing happens, per subscriber that comes, send and visit. */
async function twoInstances(size: Size): Promise<Metrics> {
  const subscribers = size.count(SUBSCRIBERS);
  const cluster = await startCluster('madang', { instances: INSTANCES, rooms: ROOMS, subscribers });
  try {
    const { options, ports } = cluster;
    const metrics: Record<string, number> = {};
    const restMs = size.ms(10_000);
    const rest = async (): Promise<Work> => {
      const before = await workOf(cluster);
      await wait(restMs);
      return between(before, await workOf(cluster), restMs / MS_PER_SECOND);
    };
    // Those who come: what they cost, and what it costs that they are there.
    const before = await workOf(cluster);
    const listening = { ...options, port: ports.join(','), subscribers, senders: 0 };
    await runLoad(listening, ['hold:joined'], async ({ phase }) => {
      if (phase !== 'joined') return;
      Object.assign(metrics, named('subscribe', between(before, await workOf(cluster), subscribers)));
      Object.assign(metrics, named('second with subscribers', await rest()));
    });
    await cluster.prepare();
    const quiet = await rest();
    Object.assign(metrics, named('second', quiet));
    /** Per thing that was done, without what the same seconds cost when nothing happens. */
    const measured = async (name: string, rate: number, load: LoadOptions): Promise<void> => {
      let [began, started, ended, lasted] = [NOTHING, 0, NOTHING, 0];
      const phases = ['hold:before', `rate:${name}:${rate}:1:0:${size.ms(6000)}`, 'hold:after'];
      const done = await runLoad(load, phases, async ({ phase }) => {
        if (phase === 'before') [began, started] = [await workOf(cluster), performance.now()];
        if (phase === 'after') [ended, lasted] = [await workOf(cluster), performance.now() - started];
      });
      const sent = done.get(name)?.sent ?? Number.NaN;
      const seconds = lasted / MS_PER_SECOND;
      const work = combine([began, ended, quiet], ([from = 0, to = 0, anyway = 0]) => {
        return (to - from - anyway * seconds) / sent;
      });
      Object.assign(metrics, named(name, work));
    };
    const alone = { ...options, port: ports[0], subscribers: 0, senders: SENDERS, first: ROOMS };
    await measured('send', SENDS_PER_SECOND, alone);
    metrics['send.documentBytes'] = await cluster.messageBytes();
    await measured('visit', VISITS_PER_SECOND, { ...alone, ...VISITING });
    return metrics;
  } finally {
    await cluster.stop();
  }
}

/**
 * What lies behind the instances: what each of the things that visitors do costs Redis and MongoDB, and how the
 * ranking's cost goes with the number of rooms. For the capacity model of docs/SCALING.md.
 */
export const services: Scenario = async (size) => {
  leaveDisk();
  const counts = ROOM_COUNTS.map((count) => (size.tiny ? count / 100 : count));
  const run: Readonly<Record<string, (() => Promise<Metrics>) | undefined>> = {
    'two instances': () => twoInstances(size),
    'Redis, publishing': () => publishCosts(size),
    ...Object.fromEntries(counts.map((count) => [`Redis, ${count} rooms`, () => presenceCosts(count, size)])),
  };
  const rounds = await interleaved(size, Object.keys(run), (name) => run[name]?.() ?? Promise.resolve({}));
  const [fewest, , most] = counts.map((count) => `Redis, ${count} rooms`);
  return {
    rounds,
    ratios: {
      [`tick.${counts.at(-1)} rooms against ${counts[0]}`]: (round) =>
        (round[most ?? '']?.['tickUs'] ?? Number.NaN) / (round[fewest ?? '']?.['tickUs'] ?? Number.NaN),
    },
  };
};
