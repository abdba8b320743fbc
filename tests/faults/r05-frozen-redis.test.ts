import { afterEach, describe, expect, it, vi } from 'vitest';
import { DISASTER } from '../testkit/cluster.js';
import { foundation } from '../testkit/foundation.js';
import { delays } from '../testkit/faults/checker.js';
import { expectFlawless, percentile, startConversation } from '../testkit/faults/conversation.js';
import { startServerChild } from '../testkit/server-child.js';
import { startRedis } from '../testkit/services/index.js';
import {
  acksFromNow,
  exitsOf,
  figuresOf,
  IN_TIME,
  isLong,
  load,
  ms,
  report,
  residentMegabytes,
  sleep,
  SLACK,
} from './scenario.js';

/** What a send may take longer than before, at the 99th percentile. */
const SEND_P99_MORE_MS = 100;
const DELIVERY_P99_MS = 1_500;
const BACK_WITHIN_MS = 3_000;
const MEMORY_MEGABYTES = 50;
/** What the garbage collector has not given back yet. */
const COLLECTOR = 2;
const WAIT = { timeout: 60_000, interval: 50 };
const held = load({
  short: {
    rooms: 10,
    followers: 40,
    senders: 20,
    perSecond: 80,
    frozenMs: 8_000,
    warmUpMs: 2_000,
    baselineMs: 2_000,
  },
  long: {
    rooms: 20,
    followers: 200,
    senders: 50,
    perSecond: 200,
    frozenMs: 30_000,
    warmUpMs: 15_000,
    baselineMs: 15_000,
  },
});

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

describe('R5', () => {
  it('Redis freezes: sends go on, deliveries go on by reading, memory stays, and push comes back', async () => {
    const [stand, redis] = await Promise.all([foundation('distributed'), startRedis()]);
    closers.push(stand.dispose, redis.close);
    const env = { ...stand.env, REDIS_URL: redis.url };
    const instances = await Promise.all([0, 1, 2].map(() => startServerChild({ env })));
    closers.push(...instances.map((instance) => instance.kill));
    const conversation = await startConversation({
      targets: instances.map((instance) => () => instance.url()),
      ...held,
    });
    // A fresh instance is slow and grows: neither says anything about Redis.
    await sleep(held.warmUpMs);
    const acksBefore = acksFromNow(conversation);
    await sleep(held.baselineMs);
    const baselineP99 = percentile(acksBefore(), 0.99);
    const memoryBefore = instances.map(residentMegabytes);
    await redis.pause();
    const frozenAt = performance.now();
    const acksFrozen = acksFromNow(conversation);
    await sleep(held.frozenMs);
    const frozenP99 = percentile(acksFrozen(), 0.99);
    const memoryAfter = instances.map(residentMegabytes);
    await redis.resume();
    const resumedAt = performance.now();
    await vi.waitFor(async () => {
      for (const instance of instances) {
        expect(await (await fetch(`${instance.url()}/readyz`)).text()).not.toContain('degraded');
      }
    }, WAIT);
    const backMs = performance.now() - resumedAt;
    await sleep(1_000);
    const outcome = await conversation.finish(IN_TIME);

    const during = conversation.history.events.filter(({ t }) => t >= frozenAt && t < resumedAt);
    const deliveryP99 = percentile(
      delays(during).map(({ ms: delay }) => delay),
      0.99,
    );
    const grown = Math.max(...memoryAfter.map((after, index) => after - (memoryBefore[index] ?? 0)));
    const exits = exitsOf(instances);
    const figures = figuresOf(outcome);
    report({
      scenario: 'R5',
      load: `3 instances, ${held.rooms} rooms, ${held.followers} clients, ${held.perSecond} msg/s wanted, Redis frozen ${ms(held.frozenMs)}`,
      exits,
      ...figures,
      notes: `${figures.notes}; ack p99 ${ms(baselineP99)} before and ${ms(frozenP99)} while frozen, delivery p99 ${ms(deliveryP99)}, memory +${Math.round(grown)} MB; push back after ${ms(backMs)}`,
    });
    expectFlawless(outcome, conversation.history);
    expect([exits, outcome.retries, outcome.reconnects]).toEqual([0, 0, 0]);
    expect(frozenP99).toBeLessThan(isLong ? baselineP99 + SEND_P99_MORE_MS * SLACK : Infinity);
    expect(deliveryP99).toBeGreaterThan(0);
    expect(deliveryP99).toBeLessThan(DELIVERY_P99_MS * SLACK);
    expect(backMs).toBeLessThan(BACK_WITHIN_MS * SLACK);
    expect(grown).toBeLessThan(MEMORY_MEGABYTES * COLLECTOR);
    for (const instance of instances) expect(instance.output()).not.toMatch(DISASTER);
  });
});
