import { afterEach, describe, expect, it, vi } from 'vitest';
import { DISASTER, startCluster, type Cluster } from '../testkit/cluster.js';
import { expectFlawless, startConversation } from '../testkit/faults/conversation.js';
import { ask } from '../testkit/graphql-client.js';
import {
  createRoom,
  createVisitor,
  MESSAGE_ADDED,
  readLog,
  sendMessage,
  type MessageAdded,
} from '../testkit/seed.js';
import { openSocket } from '../testkit/socket-client.js';

const WAIT = { timeout: 30_000, interval: 50 };
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function pair(env: Readonly<Record<string, string>> = {}): Promise<Cluster & { a: string; b: string }> {
  const cluster = await startCluster('distributed', { instances: 2, env });
  closers.push(cluster.close);
  const [a = '', b = ''] = cluster.targets.map((target) => target());
  return { ...cluster, a, b };
}

describe('two instances on one MongoDB and one Redis', () => {
  it('LOG-3: are one chat in one order: what is sent on one arrives on the other, live and in history', async () => {
    const { a, b } = await pair();
    const visitor = await createVisitor(a);
    const roomId = await createRoom(a, visitor);
    const socket = await openSocket(b);
    closers.push(socket.cut);
    const { resumeCursor: after } = (
      await ask<{ room: { messages: { resumeCursor: string } } }>(
        b,
        'query ($id: ID!) { room(id: $id) { messages { resumeCursor } } }',
        { id: roomId },
      )
    ).room.messages;
    const live = socket.subscribe<MessageAdded>(MESSAGE_ADDED, { roomId, after });
    const sent: string[] = [];
    for (const [index, url] of [a, b, a, a, b].entries()) {
      const text = `message ${index}`;
      // The token of one instance is good on the other.
      expect((await sendMessage(url, visitor, { roomId, text })).message?.number).toBe(index + 1);
      sent.push(text);
    }
    await vi.waitFor(
      () => expect(live.data.map(({ messageAdded }) => messageAdded.message.text)).toEqual(sent),
      WAIT,
    );
    for (const url of [a, b]) expect((await readLog(url, roomId)).map(({ text }) => text)).toEqual(sent);
  });

  it('show the same ranking: each visitor counts once, wherever the visits were', async () => {
    const { a, b } = await pair({ RANKING_INTERVAL_MS: '100' });
    const visitors = await Promise.all([a, b, a].map((url) => createVisitor(url)));
    const [host, other] = visitors;
    if (host === undefined || other === undefined) throw new Error('no visitors');
    // Its creator is a room's first visitor.
    const [two, three, one] = [
      await createRoom(a, host),
      await createRoom(b, host),
      await createRoom(a, host),
    ];
    const visit = (url: string, token: string, roomId: string): Promise<unknown> =>
      ask(
        url,
        'mutation ($input: VisitRoomInput!) { visitRoom(input: $input) { userErrors { code } } }',
        {
          input: { roomId },
        },
        { token },
      );
    for (const { token } of visitors) for (const url of [a, b]) await visit(url, token, three);
    for (const url of [a, b]) await visit(url, other.token, two);
    const ranking = async (url: string): Promise<readonly (readonly [string, number])[]> => {
      const { rooms } = await ask<{ rooms: { nodes: { id: string; recentVisitorCount: number }[] } }>(
        url,
        '{ rooms(first: 10) { nodes { id recentVisitorCount } } }',
      );
      return rooms.nodes.map(({ id, recentVisitorCount }) => [id, recentVisitorCount]);
    };
    const expected = [
      [three, 3],
      [two, 2],
      [one, 1],
    ];
    await vi.waitFor(async () => expect(await ranking(a)).toEqual(expected), WAIT);
    await vi.waitFor(async () => expect(await ranking(b)).toEqual(expected), WAIT);
  });

  it('go on when one is killed in the middle of a conversation: nothing acknowledged is missing', async () => {
    const { instances, targets } = await pair();
    const conversation = await startConversation({
      targets,
      rooms: 3,
      followers: 9,
      senders: 6,
      perSecond: 60,
    });
    await vi.waitFor(() => expect(conversation.acked()).toBeGreaterThan(60), WAIT);
    await instances[0]?.kill();
    const atKill = conversation.acked();
    await vi.waitFor(() => expect(conversation.acked()).toBeGreaterThan(atKill + 60), WAIT);
    await instances[0]?.restart();
    const outcome = await conversation.finish();
    expectFlawless(outcome, conversation.history);
    expect(outcome.reconnects).toBeGreaterThan(0);
    for (const instance of instances) expect(instance.output()).not.toMatch(DISASTER);
  });
});
