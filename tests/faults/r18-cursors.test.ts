import { cp, mkdtemp, rm } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { startCluster } from '../testkit/cluster.js';
import { foundation, GENEROUS, testKeys } from '../testkit/foundation.js';
import { startFaultProxy } from '../testkit/faults/proxy.js';
import { ask, request } from '../testkit/graphql-client.js';
import {
  createRoom,
  createVisitor,
  MESSAGE_ADDED,
  readPage,
  sendMessage,
  type MessageAdded,
} from '../testkit/seed.js';
import { startServerChild } from '../testkit/server-child.js';
import { startMongo } from '../testkit/services/index.js';
import { openSocket, type GraphqlSocket } from '../testkit/socket-client.js';
import { exitsOf, load, partOf, report } from './scenario.js';

const WAIT = { timeout: 60_000, interval: 50 };
const ANSWER_MS = 30_000;
/** Below the cap of operations on one socket. */
const AT_ONCE = 40;
const TYPED = ['BAD_CURSOR', 'CURSOR_EXPIRED'];
const held = load({ short: { random: 200 }, long: { random: partOf(9_700) } });

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const readLater =
  'query ($roomId: ID!, $after: String) { room(id: $roomId) { messages(first: 1, after: $after) { totalCount } } }';

/** The code that ends a subscription from this cursor; "silence" when none comes in time. */
async function subscribed(socket: GraphqlSocket, roomId: string, after: string): Promise<string> {
  const operation = socket.subscribe<MessageAdded>(MESSAGE_ADDED, { roomId, after });
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'silence'>((resolve) => {
    timer = setTimeout(() => resolve('silence'), ANSWER_MS);
  });
  const how = await Promise.race([operation.ended, late]);
  clearTimeout(timer);
  operation.stop();
  return operation.errors[0]?.extensions?.code ?? how;
}

async function paged(url: string, roomId: string, after: string): Promise<string> {
  const { errors } = await request(url, readLater, { roomId, after });
  return errors[0]?.extensions?.code ?? 'a page';
}

/** Each cursor that differs from this one in one bit. */
function bitFlips(cursor: string): readonly string[] {
  const bytes = Buffer.from(cursor, 'base64url');
  return Array.from({ length: bytes.length * 8 }, (_, bit) => {
    const flipped = Buffer.from(bytes);
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    return flipped.toString('base64url');
  });
}

function malformed(cursor: string, count: number): readonly string[] {
  const edited = ['', ' ', cursor.slice(1), `${cursor}A`, `${cursor}=`, ` ${cursor}`, cursor.toUpperCase()];
  const strange = ['\u0000', '{"$gt":""}', '__proto__', '-1', '가'.repeat(36), 'A'.repeat(10_000)];
  const random = new Set<string>();
  while (random.size < count) random.add(randomBytes(2 + (random.size % 40)).toString('base64url'));
  return [...edited, ...strange, ...random].filter((other) => other !== cursor);
}

describe.each(['embedded', 'distributed'] as const)('R18, %s', (name) => {
  it('no malformed, forged or foreign cursor is ever answered with silence, or accepted', async () => {
    const cluster = await startCluster(name, { instances: 1 });
    closers.push(cluster.close);
    const url = cluster.targets[0]?.() ?? '';
    const visitor = await createVisitor(url);
    const [roomId, otherRoom] = [await createRoom(url, visitor), await createRoom(url, visitor)];
    let sent = 0;
    async function send(room: string, text: string): Promise<void> {
      await sendMessage(url, visitor, { roomId: room, text });
      sent += 1;
    }
    for (const room of [roomId, otherRoom])
      for (let index = 0; index < 5; index += 1) await send(room, `${index}`);
    const { resumeCursor: good } = await readPage(url, roomId, { last: 1 });
    const { resumeCursor: foreign } = await readPage(url, otherRoom, { last: 1 });
    const { rooms } = await ask<{ rooms: { resumeCursor: string } }>(url, '{ rooms { resumeCursor } }');
    const bad = [...bitFlips(good), ...malformed(good, held.random), foreign, rooms.resumeCursor];

    const socket = await openSocket(url);
    closers.push(socket.cut);
    const answers = new Map<string, readonly string[]>();
    for (let from = 0; from < bad.length; from += AT_ONCE) {
      const some = bad.slice(from, from + AT_ONCE);
      await Promise.all(
        some.map(async (cursor) => {
          answers.set(cursor, [await subscribed(socket, roomId, cursor), await paged(url, roomId, cursor)]);
        }),
      );
    }
    const wrong = [...answers].filter(([, codes]) => codes.some((code) => !TYPED.includes(code)));
    expect(wrong.slice(0, 20)).toEqual([]);
    expect(answers.size).toBeGreaterThan(held.random);
    // The socket is as good as before.
    const live = socket.subscribe<MessageAdded>(MESSAGE_ADDED, { roomId, after: good });
    await send(roomId, 'still here');
    await vi.waitFor(
      () => expect(live.data.map(({ messageAdded }) => messageAdded.message.number)).toEqual([6]),
      WAIT,
    );
    report({
      scenario: `R18 ${name}`,
      load: `${answers.size} cursors, subscribed and paged`,
      acked: sent,
      delivered: live.data.length,
      violations: wrong.length,
      exits: exitsOf(cluster.instances),
    });
  });

  it('a cursor of a history that a backup took back is refused, before and after its number comes again', async () => {
    const mongo = name === 'distributed' ? await startMongo() : null;
    if (mongo !== null) closers.push(mongo.close);
    const stand = await foundation('embedded');
    closers.push(stand.dispose);
    const env =
      mongo === null ? stand.env : { ...GENEROUS, MONGODB_URL: mongo.url('chat'), AUTH_KEYS: testKeys() };
    const folder = mongo?.folder ?? stand.env['DATA_DIR'] ?? '';
    const backup = await mkdtemp(join(tmpdir(), 'madang-backup-'));
    closers.push(() => rm(backup, { recursive: true, force: true }));
    const server = await startServerChild({ env });
    closers.push(server.kill);
    const whileStopped = async (work: () => Promise<void>): Promise<void> => {
      await server.stop();
      await mongo?.stop();
      await work();
      await mongo?.start();
      await server.restart();
    };
    const visitor = await createVisitor(server.url());
    const roomId = await createRoom(server.url(), visitor);
    const send = (text: string) => sendMessage(server.url(), visitor, { roomId, text });
    await send('kept');
    await whileStopped(() => cp(folder, backup, { recursive: true }));
    for (let index = 0; index < 3; index += 1) await send(`taken back ${index}`);
    const { resumeCursor: cursor } = await readPage(server.url(), roomId, { last: 1 });
    await whileStopped(async () => {
      await rm(folder, { recursive: true });
      await cp(backup, folder, { recursive: true });
    });

    const codes = async (): Promise<readonly string[]> => {
      const socket = await openSocket(server.url());
      const answer = await subscribed(socket, roomId, cursor);
      socket.close();
      return [answer, await paged(server.url(), roomId, cursor)];
    };
    expect(await codes()).toEqual(['BAD_CURSOR', 'BAD_CURSOR']);
    for (let index = 0; index < 5; index += 1) await send(`anew ${index}`);
    expect(await codes()).toEqual(['CURSOR_EXPIRED', 'CURSOR_EXPIRED']);
  });
});

describe('R18', () => {
  it('a cursor that is ahead of this instance, and not of the log, works', async () => {
    const stand = await foundation('distributed');
    closers.push(stand.dispose);
    const { hostname: host, port } = new URL(stand.env['REDIS_URL'] ?? '');
    const proxy = await startFaultProxy({ host, port: Number(port) });
    closers.push(proxy.close);
    const [ahead, behind] = await Promise.all([
      startServerChild({ env: stand.env }),
      startServerChild({ env: { ...stand.env, REDIS_URL: `redis://${proxy.host}:${proxy.port}` } }),
    ]);
    closers.push(ahead.kill, behind.kill);
    const visitor = await createVisitor(ahead.url());
    const roomId = await createRoom(ahead.url(), visitor);
    const socket = await openSocket(behind.url());
    closers.push(socket.cut);
    // The instance follows the room, and then hears nothing any more.
    socket.subscribe(MESSAGE_ADDED, { roomId });
    await sendMessage(ahead.url(), visitor, { roomId, text: '1' });
    proxy.set({ blackhole: true });
    for (let number = 2; number <= 20; number += 1) {
      const { cursor } = await sendMessage(ahead.url(), visitor, { roomId, text: String(number) });
      const late = socket.subscribe<MessageAdded>(MESSAGE_ADDED, { roomId, after: cursor });
      const next = await sendMessage(ahead.url(), visitor, { roomId, text: `behind ${number}` });
      await vi.waitFor(() => expect([late.data.length, late.errors]).toEqual([1, []]), WAIT);
      expect(late.data[0]?.messageAdded.message.number).toBe(next.message?.number);
      late.stop();
    }
  });
});
