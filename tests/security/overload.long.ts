import { describe, expect, it } from 'vitest';
import { eventually, useServer } from '../api/world.ts';
import { createRoom, createVisitor, MESSAGE_ADDED, type MessageAdded, readPage } from '../testkit/seed.ts';
import { sendMessage } from '../testkit/seed.ts';
import { openSocket } from '../testkit/socket-client.ts';
import { flood, type Flood } from './support/flood.ts';
import { percentile, report } from './support/table.ts';

/** Messages of the room that the load reads: with them an answer takes the server far longer than the client. */
const MESSAGES = 400;
const CALLERS = 16;
const CAPACITY_MS = 8000;
const FLOOD_MS = 25_000;
/** An overload is one after five seconds; until then newcomers are let in. */
const NOTICED_MS = 8000;
const RECOVERY_MS = 10_000;
const TIMES_CAPACITY = 3;
const CONNECTS_PER_SECOND = 20;
const SPEAKERS = 10;
const SPEECH_EVERY_MS = 100;
/** The clients of this test have the same two processors. */
const SLACK = 2;

let figures = { capacity: 0, goodput: 0, refused: 0, connects: 0, before: 0, during: 0, recoveryMs: 0 };
let offered = 0;
report('O2', () => ({
  tried: offered,
  of: `requests, ${TIMES_CAPACITY} times what can be answered`,
  result: [
    `${figures.goodput.toFixed(0)} % of the capacity (${figures.capacity.toFixed(0)}/s) answered`,
    `${figures.refused} requests and ${figures.connects} sockets told 503 and when to come back`,
    `those connected p99 ${figures.before.toFixed(0)} ms at capacity, ${figures.during.toFixed(0)} ms beyond it`,
    `over after ${(figures.recoveryMs / 1000).toFixed(1)} s`,
  ].join('; '),
}));

const QUERY = `query ($id: ID!) { room(id: $id) { name messages(last: 100) {
  nodes { id text number createdAt author { id displayName } room { id name } }
  edges { cursor node { id text author { id displayName } } } } } }`;
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('O2 three times what can be answered', () => {
  const server = useServer('embedded');

  // Without a short form: an overload that is none before five seconds takes a minute to show.
  it('keeps those who talk talking, serves whom it can and tells the rest to come back', async () => {
    const { url } = server;
    const port = Number(new URL(url).port);
    const visitor = await createVisitor(url);
    const roomId = await createRoom(url, visitor);
    for (let sent = 0; sent < MESSAGES; sent += 20) {
      await Promise.all(
        Array.from({ length: 20 }, () => sendMessage(url, visitor, { roomId, text: 'x'.repeat(200) })),
      );
    }
    const load = {
      port,
      body: JSON.stringify({ query: QUERY, variables: { id: roomId } }),
      connections: 0,
      requestsPerSecond: 0,
      connectsPerSecond: 0,
    };

    // Those who are connected: each says something now and then, and hears it.
    const talk: { readonly at: number; readonly ms: number }[] = [];
    const room = await createRoom(url, visitor);
    const sockets = await Promise.all(
      Array.from({ length: SPEAKERS }, async () => {
        const speaker = await createVisitor(url);
        return openSocket(url, { token: speaker.token });
      }),
    );
    const { resumeCursor: after } = await readPage(url, room, { last: 1 });
    const heard = new Map<string, () => void>();
    sockets[0]?.subscribe<MessageAdded>(
      MESSAGE_ADDED,
      { roomId: room, after },
      { next: ({ messageAdded }) => heard.get(messageAdded.message.text)?.() },
    );
    let talking = true;
    const talked = (async () => {
      const said: Promise<void>[] = [];
      for (let turn = 0; talking; turn += 1) {
        const text = `turn ${turn}`;
        const began = performance.now();
        const arrived = new Promise<void>((resolve) => heard.set(text, resolve));
        const send = 'mutation ($i: SendMessageInput!) { sendMessage(input: $i) { userErrors { code } } }';
        said.push(
          Promise.all([sockets[turn % SPEAKERS]?.request(send, { i: { roomId: room, text } }), arrived]).then(
            () => void talk.push({ at: began, ms: performance.now() - began }),
          ),
        );
        await wait(SPEECH_EVERY_MS);
      }
      await Promise.all(said);
    })();
    const p99 = (from: number, until: number) =>
      percentile(
        talk.filter(({ at }) => at >= from && at < until).map(({ ms }) => ms),
        0.99,
      );

    // What it can answer: some callers who ask again as soon as they are answered. First until all is compiled.
    const rate = ({ answers }: Flood, fromMs: number, untilMs: number) =>
      answers.filter(({ status, at }) => status === 200 && at >= fromMs && at < untilMs).length /
      ((untilMs - fromMs) / 1000);
    await flood({ ...load, connections: CALLERS, ms: CAPACITY_MS });
    const calmFrom = performance.now();
    const calm = await flood({ ...load, connections: CALLERS, ms: CAPACITY_MS });
    const before = p99(calmFrom, performance.now());
    const capacity = rate(calm, 1000, CAPACITY_MS);

    // Three times as many, whether they are answered or not.
    const floodFrom = performance.now();
    const states: string[] = [];
    let flooding = true;
    const probing = (async () => {
      while (flooding) {
        const [ready, live] = await Promise.all([fetch(`${url}/readyz`), fetch(`${url}/livez`)]);
        const { status } = (await ready.json()) as { status: string };
        states.push(`${status} ${ready.status} ${live.status}`);
        await wait(1000);
      }
    })();
    const { asked, answers, upgrades } = await flood({
      ...load,
      requestsPerSecond: capacity * TIMES_CAPACITY,
      connectsPerSecond: CONNECTS_PER_SECOND,
      ms: FLOOD_MS,
    });
    const floodEnd = performance.now();
    flooding = false;
    await eventually(
      async () => (await fetch(`${url}/readyz`)).status,
      (status) => status === 200,
    );
    const recoveryMs = performance.now() - floodEnd;
    talking = false;
    await Promise.all([talked, probing]);

    offered = asked;
    const goodput = (rate({ asked, answers, upgrades }, NOTICED_MS, FLOOD_MS) / capacity) * 100;
    const refusals = answers.filter(({ status }) => status === 503);
    const refusedConnects = upgrades.filter(({ status }) => status === 503);
    figures = {
      capacity,
      goodput,
      refused: refusals.length,
      connects: refusedConnects.length,
      before,
      // From the beginning: nobody who is connected waits until the overload is noticed.
      during: p99(floodFrom, floodEnd),
      recoveryMs,
    };
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 503]));
    expect(states).toContain('overloaded 503 200');
    expect(refusals.length).toBeGreaterThan(0);
    expect(refusedConnects.length).toBeGreaterThan(0);
    for (const { retryAfter } of [...refusals, ...refusedConnects]) {
      expect(retryAfter).toBeGreaterThanOrEqual(1);
      expect(retryAfter).toBeLessThanOrEqual(5);
    }
    expect(goodput).toBeGreaterThanOrEqual(80 / SLACK);
    expect(figures.during).toBeLessThanOrEqual(2 * figures.before * SLACK);
    expect(recoveryMs).toBeLessThanOrEqual(RECOVERY_MS * SLACK);
    for (const socket of sockets) socket.close();
  });
});
