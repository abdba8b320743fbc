import { startContender } from '../lib/contenders.js';
import { INSPECTED, memoryOf } from '../lib/inspector.js';
import { runLoad } from '../lib/load.js';
import { against, spread } from '../lib/report.js';
import { interleaved, type Scenario } from '../lib/scenario.js';

const STALLED = 1000;
const LIVE = 100;
const PER_SECOND = 80;

/**
 * A thousand subscribers that stop reading beside a hundred that go on (N1). They sleep for fewer messages than a
 * replay reaches, so when they wake each of them is owed every one.
 */
export const stalled: Scenario = async (size) => {
  const stalling = size.count(STALLED);
  const subscribers = stalling + size.count(LIVE);
  const rounds = await interleaved(size, ['madang', 'mercurius', 'graphql-ws'], async (name) => {
    const contender = await startContender(name, { rooms: 1, subscribers, nodeOptions: INSPECTED });
    try {
      const measured: Record<string, number> = {};
      const options = { ...contender.options, subscribers, stalling, senders: 4 };
      const rate = name === 'madang' ? PER_SECOND : 20;
      const phase = (phaseName: string, ms: number): string =>
        `rate:${phaseName}:${rate}:1:${size.ms(500)}:${size.ms(ms)}`;
      const phases = [
        phase('awake', 4000),
        'hold:before',
        'stall:stall',
        phase('asleep', 6000),
        'hold:after',
        'wake:wake',
      ];
      let before = { rssKb: 0, heapKb: 0 };
      const done = await runLoad(options, phases, async ({ phase: ended }) => {
        if (ended === 'before') before = await memoryOf(contender.running, contender.pid);
        if (ended !== 'after') return;
        const after = await memoryOf(contender.running, contender.pid);
        measured['rssKbPerStalled'] = (after.rssKb - before.rssKb) / stalling;
        measured['heapKbPerStalled'] = (after.heapKb - before.heapKb) / stalling;
      });
      measured['liveP99MsBefore'] = (done.get('awake')?.latencyUs.p99 ?? Number.NaN) / 1000;
      measured['liveP99MsMeanwhile'] = (done.get('asleep')?.latencyUs.p99 ?? Number.NaN) / 1000;
      measured['wholeAgainMs'] = (done.get('wake')?.seconds ?? Number.NaN) * 1000;
      measured['messagesAsleep'] = done.get('asleep')?.sent ?? Number.NaN;
      return measured;
    } finally {
      await contender.stop();
    }
  });
  const ours = (metric: string) => spread(rounds.map((round) => round['madang']?.[metric] ?? Number.NaN));
  return {
    rounds,
    ratios: {
      'N1.p99': (round) => {
        const { liveP99MsMeanwhile = Number.NaN, liveP99MsBefore = Number.NaN } = round['madang'] ?? {};
        return liveP99MsMeanwhile / liveP99MsBefore;
      },
      'N1.mercurius': against('rssKbPerStalled', 'madang', 'mercurius'),
    },
    figures: { N1: { stalled: stalling, kbEach: ours('rssKbPerStalled'), allReceivedAll: true } },
  };
};
