import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { DISASTER } from '../testkit/cluster.js';
import { GENEROUS, testKeys } from '../testkit/foundation.js';
import { expectFlawless, startConversation } from '../testkit/faults/conversation.js';
import { request } from '../testkit/graphql-client.js';
import { createRoom, createVisitor, readLog, SEND_MESSAGE, sendMessage, type Sent } from '../testkit/seed.js';
import { spawnServer, startServerChild, type ServerChild } from '../testkit/server-child.js';
import { startMongo, startRedis, type MongoServer, type RedisServer } from '../testkit/services/index.js';

const WAIT = { timeout: 45_000, interval: 100 };
/** A store that does not answer is reported within 5 s; the rest is for a busy machine. */
const UNAVAILABLE_WITHIN_MS = 10_000;

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function services(): Promise<{ mongo: MongoServer; redis: RedisServer; env: Record<string, string> }> {
  const [mongo, redis] = await Promise.all([startMongo(), startRedis()]);
  closers.push(mongo.close, redis.close);
  const env = { ...GENEROUS, MONGODB_URL: mongo.url('chat'), REDIS_URL: redis.url, AUTH_KEYS: testKeys() };
  return { mongo, redis, env };
}

function watched(server: ServerChild): ServerChild {
  closers.push(async () => {
    const wasRunning = server.isRunning();
    await server.kill();
    expect(server.output()).not.toMatch(DISASTER);
    expect(wasRunning).toBe(true);
  });
  return server;
}

const readiness = async (server: ServerChild): Promise<{ status: number; body: string }> => {
  const response = await fetch(`${server.url()}/readyz`);
  return { status: response.status, body: await response.text() };
};

async function chats(url: string): Promise<void> {
  const visitor = await createVisitor(url);
  const roomId = await createRoom(url, visitor);
  await sendMessage(url, visitor, { roomId, text: 'hello' });
  expect((await readLog(url, roomId)).map(({ text }) => text)).toEqual(['hello']);
}

describe('at start', () => {
  it('a server waits for MongoDB with a clear line, and is ready when it comes', async () => {
    const { mongo, env } = await services();
    await mongo.stop();
    const server = watched(await spawnServer({ env }));
    await vi.waitFor(() => expect(server.output()).toMatch(/waiting for MongoDB/i), WAIT);
    expect(server.isRunning()).toBe(true);
    await mongo.start();
    await server.ready();
    await chats(server.url());
  });

  it('a server that waits for MongoDB ends at once, in order, when it is told to', async () => {
    const { mongo, env } = await services();
    await mongo.stop();
    const server = await spawnServer({ env });
    closers.push(server.kill);
    await vi.waitFor(() => expect(server.output()).toMatch(/waiting for MongoDB/i), WAIT);
    expect(await server.stop()).toEqual({ code: 0, signal: null });
  });

  it('a server starts without Redis, says that it is degraded, and takes it up when it comes', async () => {
    const { redis, env } = await services();
    await redis.stop();
    const server = watched(await startServerChild({ env }));
    expect(await readiness(server)).toMatchObject({ status: 200, body: expect.stringContaining('degraded') });
    await chats(server.url());
    await redis.start();
    await vi.waitFor(async () => expect((await readiness(server)).body).not.toContain('degraded'), WAIT);
    await chats(server.url());
  });
});

describe('later', () => {
  it.each(['killed', 'frozen'] as const)(
    'MongoDB %s: UNAVAILABLE in time, and afterwards everything goes on, nothing twice',
    async (how) => {
      const { mongo, env } = await services();
      const servers = [watched(await startServerChild({ env })), watched(await startServerChild({ env }))];
      const targets = servers.map((server) => () => server.url());
      const conversation = await startConversation({
        targets,
        rooms: 2,
        followers: 4,
        senders: 4,
        perSecond: 40,
      });
      await vi.waitFor(() => expect(conversation.acked()).toBeGreaterThan(40), WAIT);
      await (how === 'killed' ? mongo.kill() : mongo.pause());

      const url = targets[0]?.() ?? '';
      const visitor = await createVisitor(url);
      const started = performance.now();
      const input = { roomId: conversation.roomIds[0], text: 'lost?', idempotencyKey: randomUUID() };
      const answer = await request<{ sendMessage: Sent | null }>(
        url,
        SEND_MESSAGE,
        { input },
        {
          token: visitor.token,
        },
      );
      expect(performance.now() - started).toBeLessThan(UNAVAILABLE_WITHIN_MS);
      expect(answer.errors.map(({ extensions }) => extensions?.code)).toEqual(['UNAVAILABLE']);
      await vi.waitFor(async () => {
        for (const server of servers) expect((await readiness(server)).status).toBe(503);
      }, WAIT);

      const before = conversation.acked();
      await (how === 'killed' ? mongo.start() : mongo.resume());
      await vi.waitFor(() => expect(conversation.acked()).toBeGreaterThan(before + 40), WAIT);
      const outcome = await conversation.finish();
      expectFlawless(outcome, conversation.history);
      for (const server of servers)
        await vi.waitFor(async () => expect((await readiness(server)).status).toBe(200), WAIT);
    },
  );

  it.each(['killed', 'frozen'] as const)(
    'Redis %s: no send fails, everything is still delivered on both instances, and it is taken up again',
    async (how) => {
      const { redis, env } = await services();
      const servers = [watched(await startServerChild({ env })), watched(await startServerChild({ env }))];
      const conversation = await startConversation({
        targets: servers.map((server) => () => server.url()),
        rooms: 2,
        followers: 4,
        senders: 4,
        perSecond: 40,
      });
      await vi.waitFor(() => expect(conversation.acked()).toBeGreaterThan(40), WAIT);
      await (how === 'killed' ? redis.kill() : redis.pause());
      await vi.waitFor(async () => {
        for (const server of servers) {
          expect(await readiness(server)).toMatchObject({
            status: 200,
            body: expect.stringContaining('degraded'),
          });
        }
      }, WAIT);
      const before = conversation.acked();
      await vi.waitFor(() => expect(conversation.acked()).toBeGreaterThan(before + 80), WAIT);
      await (how === 'killed' ? redis.start() : redis.resume());
      await vi.waitFor(async () => {
        for (const server of servers) expect((await readiness(server)).body).not.toContain('degraded');
      }, WAIT);
      const outcome = await conversation.finish();
      expectFlawless(outcome, conversation.history);
      expect([outcome.retries, outcome.reconnects]).toEqual([0, 0]);
    },
  );
});
