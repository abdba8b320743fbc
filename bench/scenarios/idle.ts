import { setTimeout as wait } from 'node:timers/promises';
import { startContender } from '../lib/contenders.js';
import { INSPECTED, memoryOf } from '../lib/inspector.js';
import { runLoad } from '../lib/load.js';
import { against } from '../lib/report.js';
import { interleaved, type Scenario, type Size } from '../lib/scenario.js';

const CONNECTIONS = 5000;
const MEMBERS = 10;
/** Until a server is done with sockets that have left. */
const REST_MS = 4000;
/** Longer than the windows in which the operations of a caller are counted: who is idle has no count. */
const IDLE_MS = 12_000;

/**
 * What CPU a socket takes to connect and to subscribe, on a server that has had as many before: a new one compiles
 * itself meanwhile.
 */
async function joining(name: string, subscribers: number, rooms: number, size: Size) {
  const contender = await startContender(name, { rooms, subscribers });
  try {
    const options = { ...contender.options, subscribers, senders: 0 };
    await runLoad(options, []);
    await wait(size.ms(REST_MS));
    const measured: Record<string, number> = {};
    await runLoad(options, ['hold:held'], async (phase) => {
      if (phase.phase !== 'connected') return;
      measured['connectCpuUs'] = phase.connectCpuUs / subscribers;
      measured['subscribeCpuUs'] = phase.subscribeCpuUs / subscribers;
      measured['joinCpuUs'] = (phase.connectCpuUs + phase.subscribeCpuUs) / subscribers;
    });
    return measured;
  } finally {
    await contender.stop();
  }
}

/** What memory a socket with one subscription keeps while nothing happens on it. */
async function resting(name: string, subscribers: number, rooms: number, size: Size) {
  const contender = await startContender(name, { rooms, subscribers, nodeOptions: INSPECTED });
  try {
    // What a server makes once, at its first sockets, is none of its cost per socket.
    await runLoad({ ...contender.options, subscribers: Math.min(100, subscribers), senders: 0 }, []);
    const before = await memoryOf(contender.running, contender.pid);
    const measured: Record<string, number> = {};
    await runLoad({ ...contender.options, subscribers, senders: 0 }, ['hold:held'], async (phase) => {
      if (phase.phase === 'connected') return;
      await wait(size.ms(IDLE_MS));
      const after = await memoryOf(contender.running, contender.pid);
      measured['rssKb'] = (after.rssKb - before.rssKb) / subscribers;
      measured['heapKb'] = (after.heapKb - before.heapKb) / subscribers;
    });
    return measured;
  } finally {
    await contender.stop();
  }
}

/** Sockets with one subscription each, on which nothing happens (I1, I2). */
export const idle: Scenario = async (size) => {
  const subscribers = size.count(CONNECTIONS);
  const rooms = Math.max(1, subscribers / MEMBERS);
  const contenders = ['madang', 'raw ws', 'yoga', 'mercurius'];
  const rounds = await interleaved(size, contenders, async (name) => ({
    ...(await joining(name, subscribers, rooms, size)),
    ...(await resting(name, subscribers, rooms, size)),
  }));
  return {
    rounds,
    ratios: {
      'I1.raw': against('rssKb', 'madang', 'raw ws'),
      'I1.yoga': against('rssKb', 'madang', 'yoga'),
      'I1.mercurius': against('rssKb', 'madang', 'mercurius'),
      'I2.raw': against('joinCpuUs', 'madang', 'raw ws'),
      'I2.yoga': against('joinCpuUs', 'madang', 'yoga'),
    },
  };
};
