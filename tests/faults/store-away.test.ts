import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { DISASTER, startCluster } from '../testkit/cluster.js';
import { percentile } from '../testkit/faults/conversation.js';
import type { GraphqlProblem } from '../testkit/graphql-client.js';
import { createRoom, createVisitor, readLog, SEND_MESSAGE, sendMessage, type Sent } from '../testkit/seed.js';
import { startMongo } from '../testkit/services/index.js';
import { openSocket } from '../testkit/socket-client.js';
import { exitsOf, ms, report, residentMegabytes, sleep, SLACK } from './scenario.js';

const UNAVAILABLE_MS = 5_000;
const MEMORY_MEGABYTES = 50;
/** What the garbage collector has not given back yet. */
const COLLECTOR = 2;
/** So many a room lets wait. */
const QUEUE = 1_000;
const SENDS = 1_300;
/** So many that each has fewer operations at once than one socket may. */
const SOCKETS = 30;
const RETRY_MS = 500;

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

interface Input {
  readonly roomId: string;
  readonly text: string;
  readonly idempotencyKey: string;
}

interface SendAnswer {
  readonly sent: Sent | null;
  readonly problem: GraphqlProblem['extensions'] | undefined;
}

describe('R12, distributed', () => {
  it('MongoDB is away and one room is flooded: who waits is told in time, the rest at once, and retries store once', async () => {
    const mongo = await startMongo();
    closers.push(mongo.close);
    const cluster = await startCluster('distributed', {
      instances: 1,
      env: { MONGODB_URL: mongo.url('chat') },
    });
    closers.push(cluster.close);
    const [server] = cluster.instances;
    if (server === undefined) throw new Error('no server');
    const url = server.url();
    const visitor = await createVisitor(url);
    const roomId = await createRoom(url, visitor);
    const inputs: readonly Input[] = Array.from({ length: SENDS }, (_, index) => ({
      roomId,
      text: `flood ${index}`,
      idempotencyKey: randomUUID(),
    }));
    const times: number[] = [];
    // Over sockets, so that all of them arrive before the first one is answered, on a busy machine too.
    const sockets = await Promise.all(
      Array.from({ length: SOCKETS }, () => openSocket(url, { token: visitor.token })),
    );
    closers.push(...sockets.map((socket) => socket.cut));
    async function attempt(input: Input, index: number): Promise<SendAnswer> {
      const started = performance.now();
      const operation = sockets[index % SOCKETS]?.subscribe<{ sendMessage: Sent | null }>(SEND_MESSAGE, {
        input,
      });
      await operation?.ended;
      times.push(performance.now() - started);
      return { sent: operation?.data[0]?.sendMessage ?? null, problem: operation?.errors[0]?.extensions };
    }
    await sendMessage(url, visitor, { roomId, text: 'before' });
    const memoryBefore = residentMegabytes(server);

    await mongo.pause();
    const answers = await Promise.all(inputs.map(attempt));
    const grown = residentMegabytes(server) - memoryBefore;
    await mongo.resume();
    const told = (code: string) => answers.filter(({ problem }) => problem?.code === code);
    const [refused, late] = [told('OVERLOADED'), told('UNAVAILABLE')];
    const [typical, slowest] = [percentile(times, 0.5), percentile(times, 1)];

    let retries = 0;
    async function insist(input: Input, index: number): Promise<Sent> {
      for (;;) {
        const { sent: stored } = await attempt(input, index);
        if (stored?.message !== null && stored !== null) return stored;
        retries += 1;
        await sleep(RETRY_MS);
      }
    }
    const sent = await Promise.all(inputs.map(insist));
    const log = await readLog(url, roomId);
    const texts = log.map(({ text }) => text);
    const twice = texts.length - new Set(texts).size;
    report({
      scenario: 'R12 short',
      load: `${SENDS} sends at once to one room while MongoDB is frozen`,
      acked: sent.length,
      delivered: log.length,
      violations: twice,
      exits: exitsOf(cluster.instances),
      notes:
        `${late.length} UNAVAILABLE, ${refused.length} OVERLOADED, after p50 ${ms(typical)} at most ${ms(slowest)}; memory +${Math.round(grown)} MB; ` +
        `${sent.filter(({ duplicate }) => duplicate).length} of them were stored by the first try, ${retries} more retries`,
    });
    expect(twice).toBe(0);
    expect(log).toHaveLength(SENDS + 1);
    expect(log.map(({ number }) => number)).toEqual(log.map((_, index) => index + 1));
    expect(late.length + refused.length).toBe(SENDS);
    expect(late.length).toBeGreaterThan(0);
    expect(late.length).toBeLessThanOrEqual(QUEUE);
    expect(refused.length).toBeGreaterThan(0);
    for (const { problem } of refused) expect(problem?.retryAfterMs).toBeGreaterThan(0);
    expect(slowest).toBeLessThan(UNAVAILABLE_MS * SLACK);
    expect(grown).toBeLessThan(MEMORY_MEGABYTES * COLLECTOR);
    expect(server.output()).not.toMatch(DISASTER);
  });
});
