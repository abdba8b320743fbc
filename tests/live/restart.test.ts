import { afterEach, describe, expect, it, vi } from 'vitest';
import { DISASTER, startCluster } from '../testkit/cluster.js';
import { expectFlawless, startConversation } from '../testkit/faults/conversation.js';
import { createRoom, createVisitor, readLog, sendMessage } from '../testkit/seed.js';

const WAIT = { timeout: 30_000, interval: 50 };
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

describe.each(['embedded', 'distributed'] as const)('a restart, %s', (name) => {
  it.each(['SIGTERM', 'SIGKILL'] as const)('by %s keeps messages, rooms and visitors', async (signal) => {
    const cluster = await startCluster(name, { instances: 1 });
    closers.push(cluster.close);
    const [server] = cluster.instances;
    if (server === undefined) throw new Error('no server');
    const visitor = await createVisitor(server.url());
    const roomId = await createRoom(server.url(), visitor, 'Kept');
    const input = { roomId, text: 'kept', idempotencyKey: 'key' };
    const sent = await sendMessage(server.url(), visitor, input);

    const exit = await server.stop(signal);
    expect(exit).toEqual(signal === 'SIGTERM' ? { code: 0, signal: null } : { code: null, signal });
    await server.restart();

    const again = await sendMessage(server.url(), visitor, input);
    expect(again).toMatchObject({ duplicate: true, message: sent.message });
    expect((await readLog(server.url(), roomId)).map(({ text }) => text)).toEqual(['kept']);
    await expect(createRoom(server.url(), visitor, 'kept')).rejects.toThrow('ROOM_NAME_TAKEN');
  });

  it('in the middle of a conversation loses and repeats nothing, killed and graceful', async () => {
    const cluster = await startCluster(name, { instances: 1 });
    closers.push(cluster.close);
    const [server] = cluster.instances;
    if (server === undefined) throw new Error('no server');
    const conversation = await startConversation({
      targets: cluster.targets,
      rooms: 2,
      followers: 4,
      senders: 4,
      perSecond: 60,
    });
    for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
      const before = conversation.acked();
      const positions = conversation.followers.map((follower) => follower.position());
      await vi.waitFor(() => expect(conversation.acked()).toBeGreaterThan(before + 40), WAIT);
      // Who is not back yet would sit out the next restart, and reconnect once for both.
      for (const [index, follower] of conversation.followers.entries())
        await vi.waitFor(() => expect(follower.position()).toBeGreaterThan(positions[index] ?? 0), WAIT);
      await server.stop(signal);
      await server.restart();
    }
    const outcome = await conversation.finish();
    expectFlawless(outcome, conversation.history);
    expect(outcome.reconnects).toBeGreaterThanOrEqual(8);
    expect(server.output()).not.toMatch(DISASTER);
  });
});
