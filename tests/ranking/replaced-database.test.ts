import { afterEach, describe, expect, it, vi } from 'vitest';
import { systemIds } from '../../src/lib/ids.js';
import { silentLogger } from '../../src/lib/logger.js';
import { createRedisPresenceStore } from '../../src/presence/presence-store.redis.js';
import { openRedis } from '../testkit/redis-connection.js';
import { foundation } from '../testkit/foundation.js';
import { ask } from '../testkit/graphql-client.js';
import { createRoom, createVisitor, sendMessage } from '../testkit/seed.js';
import { startServerChild } from '../testkit/server-child.js';
import { openSocket } from '../testkit/socket-client.js';

const WAIT = { timeout: 60_000, interval: 50 };

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

interface Changed {
  readonly roomsChanged: {
    readonly rooms: readonly { readonly id: string }[];
    readonly order: readonly string[] | null;
  };
}

describe('REPLACED', () => {
  it('RANK-1: a room that Redis still lists and the database does not have spoils no page and no event', async () => {
    const stand = await foundation('distributed');
    closers.push(stand.dispose);
    const server = await startServerChild({ env: { ...stand.env, RANKING_INTERVAL_MS: '100' } });
    closers.push(server.kill);
    const url = server.url();
    const author = await createVisitor(url);
    const room = await createRoom(url, author);

    const redis = openRedis([stand.env['REDIS_URL'] ?? ''], stand.env['REDIS_PREFIX'] ?? '');
    closers.push(() => redis.stop());
    await vi.waitFor(() => expect(redis.status()).toBe('ok'), WAIT);
    const store = createRedisPresenceStore({
      redis,
      log: silentLogger,
      windowMs: 1_800_000,
      intervalMs: 100,
    });
    const gone = systemIds.uuid();
    await store.touch('i', [
      { kind: 'visit', roomId: gone, visitorId: 'v', at: Date.now() },
      { kind: 'visit', roomId: gone, visitorId: 'w', at: Date.now() },
    ]);

    const list = '{ rooms { totalCount nodes { id } edges { cursor node { id } } pageInfo { endCursor } } }';
    await vi.waitFor(async () => {
      const { rooms } = await ask<{ rooms: unknown }>(url, list);
      expect(rooms).toMatchObject({ totalCount: 2, nodes: [{ id: room }], edges: [{ node: { id: room } }] });
    }, WAIT);

    const socket = await vi.waitFor(() => openSocket(url), WAIT);
    closers.push(() => socket.cut());
    const changes = socket.subscribe<Changed>(
      'subscription { roomsChanged { complete rooms { id } order } }',
    );
    await vi.waitFor(() => expect(changes.data).toHaveLength(1), WAIT);
    expect(changes.data[0]?.roomsChanged).toMatchObject({ rooms: [{ id: room }], order: [room] });
    await sendMessage(url, author, { roomId: room, text: 'moves on' });
    await vi.waitFor(() => expect(changes.data.length).toBeGreaterThan(1), WAIT);
    expect(changes.data.at(-1)?.roomsChanged.rooms).toEqual([{ id: room }]);
  });
});
