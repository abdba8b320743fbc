import { afterEach, describe, expect, it, vi } from 'vitest';
import { DISASTER } from '../testkit/cluster.js';
import { foundation } from '../testkit/foundation.js';
import { expectFlawless, startConversation } from '../testkit/faults/conversation.js';
import { startServerChild } from '../testkit/server-child.js';
import { startRedis } from '../testkit/services/index.js';
import { exitsOf, figuresOf, IN_TIME, load, report, sleep } from './scenario.js';

const WAIT = { timeout: 60_000, interval: 50 };
const held = load({
  short: { rooms: 10, followers: 40, senders: 20, perSecond: 80, awayMs: [1_000, 4_000] },
  long: {
    rooms: 20,
    followers: 200,
    senders: 50,
    perSecond: 200,
    awayMs: [1_000, 2_000, 4_000, 6_000, 8_000, 10_000, 12_000, 13_000, 14_000, 15_000],
  },
});

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

describe('R4', () => {
  it('Redis is killed and comes back empty, again and again: no send fails, nothing is lost', async () => {
    const [stand, redis] = await Promise.all([foundation('distributed'), startRedis()]);
    closers.push(stand.dispose, redis.close);
    const env = { ...stand.env, REDIS_URL: redis.url };
    const instances = await Promise.all([0, 1, 2].map(() => startServerChild({ env })));
    closers.push(...instances.map((instance) => instance.kill));
    const conversation = await startConversation({
      targets: instances.map((instance) => () => instance.url()),
      ...held,
    });
    for (const awayMs of held.awayMs) {
      await sleep(2_000);
      await redis.kill();
      await sleep(awayMs);
      await redis.start();
    }
    const before = conversation.acked();
    await vi.waitFor(() => expect(conversation.acked()).toBeGreaterThan(before + held.perSecond), WAIT);
    const outcome = await conversation.finish(IN_TIME);
    const exits = exitsOf(instances);
    report({
      scenario: 'R4',
      load: `3 instances, ${held.rooms} rooms, ${held.followers} clients, ${held.perSecond} msg/s wanted, Redis killed ${held.awayMs.length} times`,
      exits,
      ...figuresOf(outcome),
    });
    expectFlawless(outcome, conversation.history);
    expect([exits, outcome.retries, outcome.reconnects]).toEqual([0, 0, 0]);
    for (const instance of instances) expect(instance.output()).not.toMatch(DISASTER);
  });
});
