import { afterEach, describe, expect, it } from 'vitest';
import { DISASTER, startCluster } from '../testkit/cluster.js';
import { expectFlawless, percentile, startConversation } from '../testkit/faults/conversation.js';
import { exitsOf, figuresOf, IN_TIME, load, partOf, report, sleep, SLACK } from './scenario.js';

const PAUSE_MAX_MS = 6_000;
const PAUSE_P99_MS = 3_000;
const held = load({
  short: { rooms: 10, followers: 60, senders: 20, perSecond: 80, kills: 3, everyMs: 4_000 },
  long: { rooms: 20, followers: 200, senders: 50, perSecond: 200, kills: partOf(24), everyMs: 5_000 },
});

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

describe('R2', () => {
  it('a random instance is killed again and again: nothing is lost, repeated or out of order', async () => {
    const cluster = await startCluster('distributed', { instances: 3 });
    closers.push(cluster.close);
    const conversation = await startConversation({ targets: cluster.targets, ...held });
    for (let kills = 0; kills < held.kills; kills += 1) {
      await sleep(held.everyMs);
      const victim = cluster.instances[Math.floor(Math.random() * cluster.instances.length)];
      await victim?.kill();
      await victim?.restart();
    }
    const outcome = await conversation.finish(IN_TIME);
    report({
      scenario: 'R2',
      load: `3 instances, ${held.rooms} rooms, ${held.followers} clients, ${held.perSecond} msg/s wanted, ${held.kills} kills`,
      exits: exitsOf(cluster.instances),
      ...figuresOf(outcome),
    });
    expectFlawless(outcome, conversation.history);
    expect(outcome.reconnects).toBeGreaterThan(0);
    expect(percentile(outcome.pauseMs, 0.99)).toBeLessThan(PAUSE_P99_MS * SLACK);
    expect(Math.max(...outcome.pauseMs)).toBeLessThan(PAUSE_MAX_MS * SLACK);
    for (const instance of cluster.instances) expect(instance.output()).not.toMatch(DISASTER);
  });
});
