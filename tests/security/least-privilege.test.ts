import { readFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../api/world.ts';
import { foundation } from '../testkit/foundation.ts';
import { ask } from '../testkit/graphql-client.ts';
import {
  createRoom,
  createVisitor,
  MESSAGE_ADDED,
  type MessageAdded,
  readPage,
  sendMessage,
} from '../testkit/seed.ts';
import { recordMongo } from '../testkit/mongo-recorder.ts';
import { startServerChild } from '../testkit/server-child.ts';
import { startRedis } from '../testkit/services/index.ts';
import { openSocket } from '../testkit/socket-client.ts';

/** The rules as the handbook gives them to operators. */
function documentedRules(): readonly string[] {
  const handbook = readFileSync(new URL('../../docs/OPERATIONS.md', import.meta.url), 'utf8');
  const line = /^user madang (.+)$/m.exec(handbook)?.[1] ?? '';
  return line.split(' ').map((rule) => (rule === '>PASSWORD' ? '>secret' : rule));
}

/** The actions of the role as the handbook gives it to operators. */
function documentedActions(): readonly string[] {
  const handbook = readFileSync(new URL('../../docs/OPERATIONS.md', import.meta.url), 'utf8');
  const list = /actions: \[([^\]]+)\]/.exec(handbook)?.[1] ?? '';
  return [...list.matchAll(/'(\w+)'/g)].map(([, action = '']) => action);
}

/** What MongoDB's own manual asks for each command; an update that may insert asks for both. */
const ACTIONS: Readonly<Record<string, readonly string[]>> = {
  find: ['find'],
  getMore: ['find'],
  insert: ['insert'],
  update: ['update', 'insert'],
  delete: ['remove'],
  createIndexes: ['createIndex'],
  listIndexes: ['listIndexes'],
  collMod: ['collMod'],
};
/** What everybody may ask who is connected. */
const FREE = new Set(['hello', 'ismaster', 'isMaster', 'ping', 'endSessions', 'killCursors']);

describe('a MongoDB user with the role of the handbook', () => {
  it('is all that instances need, with Redis and without, and every action of it is used', async () => {
    const ground = await foundation('distributed');
    onTestFinished(() => ground.dispose());
    const recorder = await recordMongo(ground.env['MONGODB_URL'] ?? '');
    onTestFinished(() => recorder.close());
    // What the address asks for beside must not make an acknowledged message less than durable.
    const careless = new URL(recorder.url);
    careless.searchParams.set('w', '1');
    careless.searchParams.set('journal', 'false');
    const env: Record<string, string> = {
      ...ground.env,
      MONGODB_URL: careless.href,
      RANKING_INTERVAL_MS: '100',
      RECENT_VISIT_WINDOW_SECONDS: '3',
    };
    const { REDIS_URL: _redis, REDIS_PREFIX: _prefix, ...alone } = env;
    for (const settings of [alone, { ...env, RECENT_VISIT_WINDOW_SECONDS: '4' }]) {
      const server = await startServerChild({ env: settings });
      onTestFinished(async () => {
        if (server.isRunning()) await server.kill();
      });
      const url = server.url();
      const visitor = await createVisitor(url);
      const roomId = await createRoom(url, visitor);
      const socket = await openSocket(url, { token: visitor.token });
      // Given also what is stored before it is in force.
      const { resumeCursor } = await readPage(url, roomId, { last: 1 });
      const messages = socket.subscribe<MessageAdded>(MESSAGE_ADDED, { roomId, after: resumeCursor });
      await sendMessage(url, visitor, { roomId, text: 'hello', idempotencyKey: 'one' });
      await sendMessage(url, visitor, { roomId, text: 'hello', idempotencyKey: 'one' });
      await eventually(
        () => messages.data.length,
        (count) => count > 0,
      );
      const rename = 'mutation { renameViewer(input: { displayName: "Ann" }) { visitor { displayName } } }';
      await ask(url, rename, {}, { token: visitor.token });
      await ask(url, `{ room(id: "${roomId}") { messages(last: 5) { nodes { author { displayName } } } } }`);
      await ask(url, '{ rooms(first: 5) { nodes { name } } }');
      socket.close();
      // Until the visit is in the journal, and what is swept is swept.
      await eventually(
        () => recorder.commands.some(({ body }) => body['update'] === 'visits'),
        (isThere) => isThere,
      );
      expect(await server.stop()).toEqual({ code: 0, signal: null });
    }
    const asked = recorder.commands.filter(({ name }) => !FREE.has(name));
    expect(asked.filter(({ name }) => ACTIONS[name] === undefined).map(({ name }) => name)).toEqual([]);
    const stored = asked.filter(({ name, body }) => name === 'insert' && body['insert'] === 'messages');
    expect(stored.length).toBeGreaterThan(0);
    expect(stored.map(({ body }) => body['writeConcern'])).toEqual(
      stored.map(() => ({ w: 'majority', j: true })),
    );
    const needed = new Set(asked.flatMap(({ name }) => ACTIONS[name] ?? []));
    expect([...needed].sort()).toEqual([...documentedActions()].sort());
    const database = new URL(recorder.url).pathname.slice(1);
    expect(new Set(asked.map((command) => command.database))).toEqual(new Set([database]));
  });
});

describe('a Redis user with the rules of the handbook', () => {
  it('is all that two instances need, and Redis refuses none of their commands', async () => {
    const [ground, redis] = await Promise.all([foundation('distributed'), startRedis()]);
    onTestFinished(async () => {
      await ground.dispose();
      await redis.close();
    });
    const admin = new Redis(redis.url);
    onTestFinished(() => admin.disconnect());
    await admin.call('ACL', 'SETUSER', 'madang', ...documentedRules());
    const env = {
      ...ground.env,
      REDIS_URL: redis.url.replace('redis://', 'redis://madang:secret@'),
      REDIS_PREFIX: 'madang',
      RANKING_INTERVAL_MS: '100',
      RECENT_VISIT_WINDOW_SECONDS: '3',
    };
    const servers = await Promise.all([startServerChild({ env }), startServerChild({ env })]);
    onTestFinished(async () => {
      await Promise.all(servers.map((server) => server.stop('SIGINT')));
    });
    const [one = '', two = ''] = servers.map((server) => server.url());
    const visitor = await createVisitor(one);
    const roomId = await createRoom(one, visitor);
    const { resumeCursor } = await readPage(two, roomId, { last: 1 });
    const socket = await openSocket(two);
    const messages = socket.subscribe<MessageAdded>(MESSAGE_ADDED, { roomId, after: resumeCursor });
    const list = socket.subscribe(
      'subscription { roomsChanged { complete rooms { recentVisitorCount onlineCount } } }',
    );
    await sendMessage(one, visitor, { roomId, text: 'hello' });
    await eventually(
      () => messages.data.length,
      (count) => count === 1,
    );
    await eventually(
      () => list.data.length,
      (count) => count > 1,
    );
    await ask(one, '{ rooms(first: 5) { totalCount nodes { onlineCount recentVisitorCount } } }');
    // Until a visit has expired, and those who left are gone.
    socket.close();
    const counts = () =>
      ask<{ room: { onlineCount: number; recentVisitorCount: number } }>(
        one,
        `{ room(id: "${roomId}") { onlineCount recentVisitorCount } }`,
      );
    await eventually(counts, ({ room }) => room.onlineCount === 0 && room.recentVisitorCount === 0);
    const refused = (await admin.call('ACL', 'LOG')) as readonly (readonly string[])[];
    expect(refused.map((entry) => entry.slice(0, 8).join(' '))).toEqual([]);
    const ready = (await (await fetch(`${one}/readyz`)).json()) as { redis: string };
    expect(ready.redis).toBe('ok');

    // It holds nothing else.
    const stranger = new Redis(redis.url.replace('redis://', 'redis://madang:secret@'));
    onTestFinished(() => stranger.disconnect());
    for (const command of [
      ['GET', 'other'],
      ['FLUSHALL'],
      ['KEYS', '*'],
      ['CONFIG', 'GET', '*'],
      ['SUBSCRIBE', 'other:x'],
      ['ACL', 'LIST'],
    ] as const) {
      const [name, ...args] = command;
      await expect(stranger.call(name, ...args)).rejects.toThrow(/NOPERM/);
    }
  });
});
