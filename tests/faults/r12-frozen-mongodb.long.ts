import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { percentile } from '../testkit/faults/conversation.js';
import { request } from '../testkit/graphql-client.js';
import { createVisitor, SEND_MESSAGE, type Sent } from '../testkit/seed.js';
import { startMongo } from '../testkit/services/index.js';
import { ms, partOf, residentMegabytes, sleep, SLACK } from './scenario.js';
import { setStage } from './stage.js';

const SECOND_MS = 1000;
const FROZEN_S = 20;
const UNAVAILABLE_MS = 5 * SECOND_MS;
const MEMORY_MEGABYTES = 50;
/** What the garbage collector has not given back yet. */
const COLLECTOR = 2;
const WAIT = { timeout: 120_000, interval: 100 };

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

describe('R12', () => {
  it('MongoDB freezes: each send says so in time, memory stays, and retries afterwards store nothing twice', async () => {
    const mongo = await startMongo();
    closers.push(mongo.close);
    const stage = await setStage({ env: { MONGODB_URL: mongo.url('chat') } });
    closers.push(stage.close);
    // A fresh instance grows, which says nothing about MongoDB.
    await sleep(15 * SECOND_MS);
    const before = stage.instances.map(residentMegabytes);
    const visitors = await Promise.all(stage.targets.map((target) => createVisitor(target())));
    await mongo.pause();
    const frozenAt = performance.now();
    const codes = new Map<string, number>();
    const answeredMs: number[] = [];
    /** Sends again and again while it is frozen, beside the conversation. */
    async function keepAsking(index: number): Promise<void> {
      while (performance.now() - frozenAt < FROZEN_S * SECOND_MS) {
        const input = { roomId: stage.conversation.roomIds[0], text: 'lost?', idempotencyKey: randomUUID() };
        const started = performance.now();
        const answer = await request<{ sendMessage: Sent | null }>(
          stage.targets[index]?.() ?? '',
          SEND_MESSAGE,
          { input },
          { token: visitors[index]?.token ?? '' },
        );
        answeredMs.push(performance.now() - started);
        const code = answer.errors[0]?.extensions?.code ?? 'none';
        codes.set(code, (codes.get(code) ?? 0) + 1);
      }
    }
    await Promise.all(stage.targets.map((_, index) => keepAsking(index)));
    const after = stage.instances.map(residentMegabytes);
    const grown = Math.max(...after.map((megabytes, index) => megabytes - (before[index] ?? 0)));
    const acked = stage.conversation.acked();
    await mongo.resume();
    await vi.waitFor(() => expect(stage.conversation.acked()).toBeGreaterThan(acked + partOf(200)), WAIT);
    const outcome = await stage.finish('R12', `MongoDB frozen for ${FROZEN_S} s`, {
      notes: () =>
        `${answeredMs.length} more sends while frozen, answered ${[...codes].join(' ')} after p99 ${ms(percentile(answeredMs, 0.99))} max ${ms(Math.max(...answeredMs))}; memory +${Math.round(grown)} MB`,
    });
    expect([...codes.keys()]).toEqual(['UNAVAILABLE']);
    expect([...outcome.sendsFailed.keys()]).toEqual(['UNAVAILABLE']);
    expect(percentile(answeredMs, 0.99)).toBeLessThan(UNAVAILABLE_MS);
    expect(Math.max(...answeredMs)).toBeLessThan(UNAVAILABLE_MS * SLACK);
    expect(grown).toBeLessThan(MEMORY_MEGABYTES * COLLECTOR);
    expect(outcome.retries).toBeGreaterThan(0);
  });
});
