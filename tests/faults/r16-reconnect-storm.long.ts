import { afterEach, describe, expect, it, vi } from 'vitest';
import { percentile } from '../testkit/faults/conversation.js';
import type { Follower } from '../testkit/faults/follower.js';
import { readFigures } from './figures.js';
import { ms, sleep, SLACK } from './scenario.js';
import { setStage } from './stage.js';

const SECOND_MS = 1000;
const ALL_BACK_MS = 10 * SECOND_MS;
const RESUMED_P99_MS = 5 * SECOND_MS;
const LOOP_P99_S = 0.2;
const READS_PER_SOCKET = 1.2;
const WAIT = { timeout: 180_000, interval: 20 };

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

describe('R16', () => {
  it('all sockets are cut at once: everybody is back soon, and the store is hardly asked', async () => {
    const stage = await setStage({ load: { followers: 2_000, senders: 10, perSecond: 20 } });
    closers.push(stage.close);
    await sleep(5 * SECOND_MS);
    const { followers } = stage.conversation;
    const backs = followers.map((follower) => follower.reconnects());
    const before = await Promise.all(stage.instances.map(readFigures));
    const cutAt = performance.now();
    // Not by a proxy: it would stand in this process, and take the time of the clients.
    for (const follower of followers) follower.socket()?.cut();
    const backMs = new Map<Follower, number>();
    await vi.waitFor(() => {
      for (const [index, follower] of followers.entries()) {
        const isBack = follower.reconnects() !== backs[index];
        if (isBack && !backMs.has(follower)) backMs.set(follower, performance.now() - cutAt);
      }
      expect(backMs.size).toBe(followers.length);
    }, WAIT);
    const allBackMs = Math.max(...backMs.values());
    // Not the pauses of the conversation: its beginning is a storm too, on instances that have answered nobody yet.
    const resumedP99 = percentile([...backMs.values()], 0.99);
    const after = await Promise.all(stage.instances.map(readFigures));
    const grown = (name: string, label: string): number =>
      after.reduce(
        (sum, figures, index) => sum + figures(name, label) - (before[index]?.(name, label) ?? 0),
        0,
      );
    const reads = ['find', 'aggregate', 'getMore'].map((command) =>
      grown('chat_mongo_command_seconds_count', `command="${command}"`),
    );
    // A client that gave up too early was let in twice.
    const accepted = grown('chat_ws_connects_total', 'result="accepted"');
    const readsPerSocket = reads.reduce((sum, count) => sum + count, 0) / accepted;
    const loopP99 = Math.max(...after.map((figures) => figures('nodejs_eventloop_lag_p99_seconds')));
    await stage.finish('R16', `${followers.length} sockets cut at once`, {
      notes: () =>
        `all back after ${ms(allBackMs)}, p99 ${ms(resumedP99)}, event loop p99 ${ms(loopP99 * SECOND_MS)}, ${accepted} sockets let in, ${readsPerSocket.toFixed(2)} reads of the store for each (find, aggregate, getMore: ${reads.join(', ')})`,
    });
    expect(allBackMs).toBeLessThan(ALL_BACK_MS * SLACK);
    expect(resumedP99).toBeLessThan(RESUMED_P99_MS * SLACK);
    expect(loopP99).toBeLessThan(LOOP_P99_S * SLACK);
    expect(readsPerSocket).toBeLessThanOrEqual(READS_PER_SOCKET);
  });
});
