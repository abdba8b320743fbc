import { Redis } from 'ioredis';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { roomIdOf } from '../../src/graphql/node.js';
import { silentLogger } from '../../src/lib/logger.js';
import { createRedisPresenceStore } from '../../src/presence/presence-store.redis.js';
import { figuresOf, load, ms, report, say, SLACK } from '../faults/scenario.js';
import { openRedis } from '../testkit/redis-connection.js';
import { DISASTER } from '../testkit/cluster.js';
import { expectFlawless, startConversation } from '../testkit/faults/conversation.js';
import { foundation } from '../testkit/foundation.js';
import { ask } from '../testkit/graphql-client.js';
import { startRedisCluster } from '../testkit/redis-cluster.js';
import { createRoom, createVisitor, sendMessage } from '../testkit/seed.js';
import { startServerChild } from '../testkit/server-child.js';
import { follow, open } from './patient-client.js';

const WAIT = { timeout: 60_000, interval: 20 };
const WINDOW_S = 600;
const CONNECTED_MS = 5000;
const DEPARTED_MS = 10_000;
const VISIT = 'mutation ($room: ID!) { visitRoom(input: { roomId: $room }) { userErrors { code } } }';
const LIST = '{ rooms(first: 100) { nodes { id recentVisitorCount onlineCount } } }';
const held = load({
  short: { rooms: 5, followers: 20, senders: 10, perSecond: 30 },
  long: { rooms: 20, followers: 100, senders: 40, perSecond: 150 },
});

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

describe('CLUSTER', () => {
  it('K3: a conversation and the counts outlive the loss of the master that holds them', async () => {
    const stand = await foundation('distributed');
    closers.push(stand.dispose);
    const prefix = stand.env['REDIS_PREFIX'] ?? '';
    const redis = await startRedisCluster({ masters: 3, replica: true, key: `{${prefix}}:meta` });
    closers.push(redis.close);
    const env = {
      ...stand.env,
      REDIS_URL: redis.urls.join(','),
      RECENT_VISIT_WINDOW_SECONDS: String(WINDOW_S),
      RANKING_INTERVAL_MS: '200',
    };
    const instances = await Promise.all([0, 1].map(() => startServerChild({ env })));
    closers.push(...instances.map((instance) => instance.kill));
    const urls = instances.map((instance) => instance.url());

    // Two who stay on each instance, and two who have left.
    const author = await createVisitor(urls[0]!);
    const room = await createRoom(urls[0]!, author);
    const roomId = roomIdOf(room)!;
    const sockets = await Promise.all([0, 0, 0, 1, 1, 1].map((place) => open(urls[place]!)));
    closers.push(() => sockets.forEach((socket) => socket.cut()));
    for (const socket of sockets) follow(socket, room);
    const connection = openRedis(redis.urls, prefix);
    closers.push(() => connection.stop());
    const timing = { windowMs: WINDOW_S * 1000, intervalMs: 200 };
    const store = createRedisPresenceStore({ redis: connection, log: silentLogger, ...timing });
    const inRedis = async () => {
      const { loaded, rooms } = await store.counts([roomId]);
      return { loaded, ...rooms.get(roomId) };
    };
    await vi.waitFor(
      async () => expect(await inRedis()).toMatchObject({ recentVisitorCount: 7, onlineCount: 6 }),
      WAIT,
    );
    sockets[0]!.cut();
    sockets[3]!.cut();
    const healthy = { loaded: true, recentVisitorCount: 7, onlineCount: 4 };
    await vi.waitFor(async () => expect(await inRedis()).toMatchObject(healthy), WAIT);

    // What is published on one node is heard on all of them: what the script announces, and messages.
    const heard = redis.urls.map(() => new Set<string>());
    for (const [node, address] of redis.urls.entries()) {
      const listener = new Redis(address);
      closers.push(() => listener.disconnect());
      listener.on('error', () => undefined);
      listener.on('pmessage', (_pattern, channel: string) => heard[node]?.add(channel));
      await listener.psubscribe(`${prefix}:*`);
    }
    await sendMessage(urls[0]!, author, { roomId: room, text: 'to all nodes' });
    await vi.waitFor(() => {
      for (const channels of heard) {
        expect([...channels]).toEqual(
          expect.arrayContaining([expect.stringContaining(roomId), expect.stringContaining(':roomRanking:')]),
        );
      }
    }, WAIT);

    const conversation = await startConversation({ targets: urls.map((url) => () => url), ...held });
    await vi.waitFor(() => expect(conversation.acked()).toBeGreaterThan(held.perSecond * 2), WAIT);
    await redis.holder.kill();
    const killedAt = performance.now();
    /** What a client is shown meanwhile. */
    const shown = async (url: string) =>
      (
        await ask<{ room: { recentVisitorCount: number } }>(
          url,
          'query ($room: ID!) { room(id: $room) { recentVisitorCount } }',
          { room },
          { token: author.token },
        )
      ).room.recentVisitorCount;
    for (const url of urls) expect(await shown(url)).toBe(7);
    await redis.promoted();
    const promotedAt = performance.now();
    await vi.waitFor(async () => expect((await inRedis()).onlineCount).toBe(4), WAIT);
    const connectedMs = performance.now() - promotedAt;
    await vi.waitFor(async () => expect(await inRedis()).toMatchObject(healthy), WAIT);
    const departedMs = performance.now() - promotedAt;
    for (const url of urls) {
      await vi.waitFor(async () => {
        expect(await shown(url)).toBe(7);
        const ready = await fetch(`${url}/readyz`);
        expect(await ready.json()).toMatchObject({ redis: 'ok' });
      }, WAIT);
    }
    // The list goes on, too.
    const late = await createVisitor(urls[0]!);
    await ask(urls[0]!, VISIT, { room }, { token: late.token });
    for (const url of urls) {
      await vi.waitFor(async () => {
        const { rooms } = await ask<{ rooms: { nodes: object[] } }>(url, LIST, {}, { token: author.token });
        expect(rooms.nodes).toContainEqual({ id: room, recentVisitorCount: 8, onlineCount: 4 });
      }, WAIT);
    }
    const before = conversation.acked();
    await vi.waitFor(() => expect(conversation.acked()).toBeGreaterThan(before + held.perSecond * 2), WAIT);

    // The former master comes back as a replica; nothing changes.
    await redis.holder.start();
    const outcome = await conversation.finish();
    expect(await inRedis()).toMatchObject({ ...healthy, recentVisitorCount: 8 });
    report({
      scenario: 'CLUSTER',
      load: `two instances on a Redis Cluster of three masters, ${held.perSecond} msg/s, one master lost`,
      exits: instances.filter((instance) => !instance.isRunning()).length,
      ...figuresOf(outcome),
    });
    say(
      `CLUSTER: replica promoted after ${ms(promotedAt - killedAt)}; then connected right after ${ms(connectedMs)}, ` +
        `departed after ${ms(departedMs)}`,
    );
    expectFlawless(outcome, conversation.history);
    expect([outcome.retries, outcome.reconnects]).toEqual([0, 0]);
    expect(connectedMs).toBeLessThan(CONNECTED_MS * SLACK);
    expect(departedMs).toBeLessThan(DEPARTED_MS * SLACK);
    for (const instance of instances) expect(instance.output()).not.toMatch(DISASTER);
  });
});
