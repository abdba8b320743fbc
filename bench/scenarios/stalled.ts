import { FRAMES_WITH_SKIPS, startContender } from '../lib/contenders.js';
import { INSPECTED, memoryOf } from '../lib/inspector.js';
import { runLoad, type Phase } from '../lib/load.js';
import { createVisitor, sendMessage } from '../lib/madang.js';
import { spread, type Round } from '../lib/report.js';
import { interleaved, type Scenario } from '../lib/scenario.js';

const NAME = 'madang';
const STALLED = 1000;
const LIVE = 100;
const SENDERS = 8;
/** In all 50,000 messages while they sleep. */
const PER_SECOND = 1250;
const FLOOD_MS = 40_000;
/** As long without them, to compare with: a disk pauses now and then, and the longer one looks the more often. */
const ALONE_MS = FLOOD_MS;
/** Until the kernel has taken all that it takes for who does not read, some 100 kB each. */
const FILLING_MS = 4000;
const KB_PER_MB = 1024;

/**
 * A thousand subscribers that stop reading beside a hundred that go on (N1). First the hundred alone, then the same
 * beside those who sleep, from when the kernel takes nothing more for them: then the server knows. When they wake
 * each of them gets every message, or is told exactly how many it skipped.
 */
export const stalled: Scenario = async (size) => {
  const stalling = size.count(STALLED);
  const live = size.count(LIVE);
  const subscribers = stalling + live;
  const phase = (name: string, ms: number): string =>
    `rate:${name}:${PER_SECOND}:1:${size.ms(FILLING_MS)}:${size.ms(ms)}`;
  const rounds = await interleaved(size, [NAME], async (name) => {
    const contender = await startContender(name, { rooms: 1, subscribers: 1, nodeOptions: INSPECTED });
    try {
      const options = { ...contender.options, ...FRAMES_WITH_SKIPS, senders: SENDERS };
      const url = `http://127.0.0.1:${contender.port}/graphql`;
      const visitor = await createVisitor(url);
      /** Nobody begins far behind: that would measure replays. */
      const upToDate = async () => {
        const cursor = await sendMessage(url, visitor, contender.rooms[0] ?? '', 'the newest one');
        return {
          cursors: contender.file(
            'newest',
            Array.from({ length: subscribers }, () => cursor),
          ),
        };
      };
      const first = { ...options, ...(await upToDate()), subscribers: live };
      // Before either phase: a collection of all garbage also takes compiled code, which is made anew meanwhile.
      const memory = () => memoryOf(contender.running, contender.pid);
      const alone = (
        await runLoad(first, ['hold:cold', phase('alone', ALONE_MS)], async ({ phase: ended }) => {
          if (ended === 'cold') await memory();
        })
      ).get('alone');
      let before = { rssKb: 0, heapKb: 0 };
      let after = before;
      const phases = ['hold:before', 'stall:stall', phase('asleep', FLOOD_MS), 'hold:after', 'wake:wake'];
      const all = { ...options, ...(await upToDate()), subscribers, stalling };
      const done = await runLoad(all, phases, async ({ phase: ended }) => {
        if (ended === 'before') before = await memory();
        if (ended === 'after') after = await memory();
      });
      const [asleep, wake] = [done.get('asleep'), done.get('wake')];
      if (alone === undefined || asleep === undefined || wake === undefined)
        throw new Error('a phase is missing');
      const perMessage = ({ cpuUs, sent }: Phase): number => cpuUs / sent;
      return {
        liveP50MsAlone: alone.latencyUs.p50 / 1000,
        liveP50MsMeanwhile: asleep.latencyUs.p50 / 1000,
        liveP99MsAlone: alone.latencyUs.p99 / 1000,
        liveP99MsMeanwhile: asleep.latencyUs.p99 / 1000,
        cpuUsPerMessageAlone: perMessage(alone),
        cpuUsPerMessageMeanwhile: perMessage(asleep),
        heapMb: (after.heapKb - before.heapKb) / KB_PER_MB,
        rssKbPerStalled: (after.rssKb - before.rssKb) / stalling,
        messagesAsleep: asleep.sent,
        wholeAgainMs: wake.seconds * 1000,
      };
    } finally {
      await contender.stop();
    }
  });
  const heapMb = spread(rounds.map((round) => round[NAME]?.['heapMb'] ?? Number.NaN));
  const own = (metric: string, other: string) => (round: Round) =>
    (round[NAME]?.[metric] ?? Number.NaN) / (round[NAME]?.[other] ?? Number.NaN);
  return {
    rounds,
    ratios: {
      'N1.p99': own('liveP99MsMeanwhile', 'liveP99MsAlone'),
      'N1.cpu': own('cpuUsPerMessageMeanwhile', 'cpuUsPerMessageAlone'),
    },
    figures: { N1: { stalled: stalling, heapMb, allReceivedAll: true } },
  };
};
