import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { DISASTER, startCluster } from '../testkit/cluster.js';
import { percentile } from '../testkit/faults/conversation.js';
import { request, type GraphqlAnswer } from '../testkit/graphql-client.js';
import { createRoom, createVisitor, readLog, SEND_MESSAGE, sendMessage, type Sent } from '../testkit/seed.js';
import { startMongo } from '../testkit/services/index.js';
import { exitsOf, ms, report, residentMegabytes, SLACK } from './scenario.js';

const UNAVAILABLE_MS = 5_000;
const MEMORY_MEGABYTES = 50;
/** What the garbage collector has not given back yet. */
const COLLECTOR = 2;
/** What a room lets wait, and some more. */
const QUEUE = 1_000;
const SENDS = 1_300;
const ANSWER_MS = 60_000;

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

type SendAnswer = GraphqlAnswer<{ sendMessage: Sent | null }>;

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
    const inputs = Array.from({ length: SENDS }, (_, index) => ({
      roomId,
      text: `flood ${index}`,
      idempotencyKey: randomUUID(),
    }));
    const times: number[] = [];
    async function attempt(input: (typeof inputs)[number]): Promise<SendAnswer> {
      const started = performance.now();
      const once = { token: visitor.token, timeoutMs: ANSWER_MS };
      const answer: SendAnswer = await request(url, SEND_MESSAGE, { input }, once);
      times.push(performance.now() - started);
      return answer;
    }
    await sendMessage(url, visitor, { roomId, text: 'before' });
    const memoryBefore = residentMegabytes(server);

    await mongo.pause();
    const answers = await Promise.all(inputs.map(attempt));
    const grown = residentMegabytes(server) - memoryBefore;
    await mongo.resume();
    const problems = answers.map(({ errors }) => errors[0]?.extensions ?? {});
    const refused = problems.filter(({ code }) => code === 'OVERLOADED');
    const late = problems.filter(({ code }) => code === 'UNAVAILABLE');
    const [typical, slowest] = [percentile(times, 0.5), percentile(times, 1)];

    let retries = 0;
    async function insist(input: (typeof inputs)[number]): Promise<Sent> {
      for (;;) {
        const { data } = await attempt(input);
        if (data?.sendMessage?.message !== null && data?.sendMessage?.message !== undefined)
          return data.sendMessage;
        retries += 1;
      }
    }
    const sent: Sent[] = [];
    const waiting = [...inputs];
    await Promise.all(
      Array.from({ length: 50 }, async () => {
        for (let input = waiting.shift(); input !== undefined; input = waiting.shift())
          sent.push(await insist(input));
      }),
    );
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
    expect(refused.length).toBeGreaterThanOrEqual(SENDS - QUEUE);
    for (const { retryAfterMs } of refused) expect(retryAfterMs).toBeGreaterThan(0);
    expect(slowest).toBeLessThan(UNAVAILABLE_MS * SLACK);
    expect(grown).toBeLessThan(MEMORY_MEGABYTES * COLLECTOR);
    expect(server.output()).not.toMatch(DISASTER);
  });
});
