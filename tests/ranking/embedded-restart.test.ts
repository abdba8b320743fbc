import { afterEach, describe, expect, it, vi } from 'vitest';
import { sleep } from '../faults/scenario.js';
import { foundation } from '../testkit/foundation.js';
import { ask } from '../testkit/graphql-client.js';
import { createRoom, createVisitor, sendMessage } from '../testkit/seed.js';
import { startServerChild } from '../testkit/server-child.js';
import { follow, open } from './patient-client.js';

const WAIT = { timeout: 60_000, interval: 50 };
/** A visit is durable within a second; twice that, for a busy machine. */
const JOURNALED_MS = 2500;

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const LIST = '{ rooms(first: 100) { nodes { id recentVisitorCount onlineCount messageCount } totalCount } }';

describe('EMBEDDED', () => {
  it('RANK-2: the list is the same after a restart, and after a kill', async () => {
    const stand = await foundation('embedded');
    closers.push(stand.dispose);
    const server = await startServerChild({ env: { ...stand.env, RANKING_INTERVAL_MS: '100' } });
    closers.push(server.kill);
    const list = () => ask<{ rooms: { nodes: { id: string; onlineCount: number }[] } }>(server.url(), LIST);

    const authors = await Promise.all([1, 2, 3].map(() => createVisitor(server.url())));
    const rooms: string[] = [];
    for (const author of authors) rooms.push(await createRoom(server.url(), author));
    for (let number = 0; number < 3; number += 1) {
      await sendMessage(server.url(), authors[0]!, { roomId: rooms[1]!, text: `${number}` });
    }
    const visit = 'mutation ($room: ID!) { visitRoom(input: { roomId: $room }) { userErrors { code } } }';
    await ask(server.url(), visit, { room: rooms[1] }, { token: authors[0]!.token });
    // Visitors that are never stored, in the room that is otherwise the last.
    for (let guest = 0; guest < 4; guest += 1) {
      const socket = await open(server.url());
      follow(socket, rooms[0]!);
      closers.push(() => socket.cut());
    }
    const expected = [
      [rooms[0], 5, 0],
      [rooms[1], 2, 3],
      [rooms[2], 1, 0],
    ];
    const shown = async () =>
      (
        await ask<{ rooms: { nodes: { id: string; recentVisitorCount: number; messageCount: number }[] } }>(
          server.url(),
          LIST,
        )
      ).rooms.nodes.map(({ id, recentVisitorCount, messageCount }) => [id, recentVisitorCount, messageCount]);
    await vi.waitFor(async () => expect(await shown()).toEqual(expected), WAIT);

    await server.stop();
    await server.restart();
    expect(await shown()).toEqual(expected);
    expect((await list()).rooms.nodes.map(({ onlineCount }) => onlineCount)).toEqual([0, 0, 0]);

    await sleep(JOURNALED_MS);
    await server.kill();
    await server.restart();
    expect(await shown()).toEqual(expected);
  });
});
