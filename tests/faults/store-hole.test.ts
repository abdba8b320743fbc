import { join } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';
import { MongoClient } from 'mongodb';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { DATABASE_FILE } from '../../src/sqlite/database.js';
import { startCluster } from '../testkit/cluster.js';
import { request } from '../testkit/graphql-client.js';
import {
  createRoom,
  createVisitor,
  MESSAGE_ADDED,
  readPage,
  sendMessage,
  type MessageAdded,
} from '../testkit/seed.js';
import { openSocket } from '../testkit/socket-client.js';
import { sumOf } from './figures.js';

const WAIT = { timeout: 30_000, interval: 50 };
const LOUD = 'the store lacks a record below the head of its log';
const MISSING = 4;
const SENT = 8;
const PAGE =
  'query ($roomId: ID!, $last: Int) { room(id: $roomId) { messages(last: $last) { nodes { number } } } }';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Does by hand what no part of the program ever does. */
async function removeOne(env: Readonly<Record<string, string>>): Promise<number> {
  const { DATA_DIR: folder, MONGODB_URL: url = '' } = env;
  if (folder !== undefined) {
    const database = new DatabaseSync(join(folder, DATABASE_FILE));
    const { changes } = database.prepare('DELETE FROM messages WHERE number = ?').run(MISSING);
    database.close();
    return changes;
  }
  const client = new MongoClient(url);
  try {
    return (await client.db().collection('messages').deleteMany({ number: MISSING })).deletedCount;
  } finally {
    await client.close();
  }
}

describe.each(['embedded', 'distributed'] as const)('a room with a hole made by hand, %s', (name) => {
  it('is told loudly: no page and no subscriber passes over it, and everything else goes on', async () => {
    const cluster = await startCluster(name, { instances: 1, env: { METRICS_PORT: '0' } });
    closers.push(cluster.close);
    const [server] = cluster.instances;
    if (server === undefined) throw new Error('no server');
    const visitor = await createVisitor(server.url());
    const roomId = await createRoom(server.url(), visitor);
    const sent: string[] = [];
    for (let number = 1; number <= SENT; number += 1) {
      const { cursor } = await sendMessage(server.url(), visitor, { roomId, text: `${number}` });
      sent.push(cursor ?? '');
    }
    await server.stop();
    expect(await removeOne(cluster.foundation.env)).toBe(1);
    await server.restart();
    const url = server.url();
    expect(server.output()).not.toContain(LOUD);

    // Around it, all is well.
    const { nodes } = await readPage(url, roomId, { last: SENT - MISSING });
    expect(nodes.map(({ number }) => number)).toEqual([5, 6, 7, 8]);
    const socket = await openSocket(url);
    closers.push(socket.cut);
    const behind = socket.subscribe<MessageAdded>(MESSAGE_ADDED, { roomId, after: sent[MISSING] });
    await vi.waitFor(() => expect(behind.data).toHaveLength(3), WAIT);

    // Across it, nobody is told less than there was.
    const page = await request(url, PAGE, { roomId, last: SENT });
    expect(page.errors.map(({ extensions }) => extensions?.code)).toEqual(['UNAVAILABLE']);
    expect(server.output()).toContain(LOUD);
    const counted = await sumOf([server], 'chat_feed_gaps_total', 'cause="hole"');
    expect(counted).toBeGreaterThan(0);
    const across = socket.subscribe<MessageAdded>(MESSAGE_ADDED, { roomId, after: sent[0] });
    await vi.waitFor(
      async () =>
        expect(await sumOf([server], 'chat_feed_gaps_total', 'cause="hole"')).toBeGreaterThan(counted),
      WAIT,
    );

    // And the room goes on.
    await sendMessage(url, visitor, { roomId, text: 'after' });
    await vi.waitFor(
      () => expect(behind.data.map(({ messageAdded }) => messageAdded.message.number)).toEqual([6, 7, 8, 9]),
      WAIT,
    );
    const passed = across.data.map(({ messageAdded }) => messageAdded.message.number);
    expect(passed).toEqual([2, 3].slice(0, passed.length));
  });
});
