import { Agent, request as httpRequest } from 'node:http';
import { describe, expect, it } from 'vitest';
import { eventually, useServer } from '../api/world.ts';
import { createRoom, createVisitor, MESSAGE_ADDED, type MessageAdded, readPage } from '../testkit/seed.ts';
import { sendMessage } from '../testkit/seed.ts';
import { openSocket } from '../testkit/socket-client.ts';
import { refusedUpgrade } from '../testkit/bare-socket.ts';
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

interface Answer {
  readonly status: number;
  readonly retryAfter: number;
  readonly at: number;
}

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
    const agent = new Agent({ keepAlive: true, maxSockets: 1000 });
    const body = JSON.stringify({ query: QUERY, variables: { id: roomId } });
    const ask = () =>
      new Promise<Answer>((resolve) => {
        const done = (status: number, retryAfter: number) =>
          resolve({ status, retryAfter, at: performance.now() });
        const made = httpRequest(
          { agent, port, host: '127.0.0.1', path: '/graphql', method: 'POST', timeout: 20_000 },
          (response) => {
            response.resume();
            response.once('end', () =>
              done(response.statusCode ?? 0, Number(response.headers['retry-after'] ?? 0)),
            );
            response.once('error', () => done(0, 0));
          },
        );
        made.setHeader('content-type', 'application/json');
        made.once('timeout', () => made.destroy());
        made.once('error', () => done(0, 0));
        made.end(body);
      });

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

    // What it can answer: some callers who ask again as soon as they are answered.
    const rate = (answers: readonly Answer[], from: number, until: number) =>
      answers.filter(({ status, at }) => status === 200 && at >= from && at < until).length /
      ((until - from) / 1000);
    const calm: Answer[] = [];
    const calmFrom = performance.now();
    await Promise.all(
      Array.from({ length: CALLERS }, async () => {
        while (performance.now() - calmFrom < CAPACITY_MS) calm.push(await ask());
      }),
    );
    const warmFrom = calmFrom + CAPACITY_MS / 4;
    const capacity = rate(calm, warmFrom, calmFrom + CAPACITY_MS);

    // Three times as many, whether they are answered or not.
    const answers: Answer[] = [];
    const upgrades: { readonly status: number; readonly retryAfter: number; readonly at: number }[] = [];
    const under: Promise<unknown>[] = [];
    const floodFrom = performance.now();
    let asked = 0;
    let connected = 0;
    const states: string[] = [];
    let probed = 0;
    const probe = async (): Promise<void> => {
      const [ready, live] = await Promise.all([fetch(`${url}/readyz`), fetch(`${url}/livez`)]);
      const { status } = (await ready.json()) as { status: string };
      states.push(`${status} ${ready.status} ${live.status}`);
    };
    while (performance.now() - floodFrom < FLOOD_MS) {
      const passed = (performance.now() - floodFrom) / 1000;
      for (; asked < passed * capacity * TIMES_CAPACITY; asked += 1) {
        under.push(ask().then((answer) => answers.push(answer)));
      }
      for (; connected < passed * CONNECTS_PER_SECOND; connected += 1) {
        under.push(
          refusedUpgrade(port, '/graphql').then(
            ({ status, headers }) =>
              upgrades.push({ status, retryAfter: Number(headers['retry-after']), at: performance.now() }),
            () => undefined,
          ),
        );
      }
      for (; probed < passed; probed += 1) under.push(probe());
      await wait(10);
    }
    const floodEnd = performance.now();
    await eventually(
      async () => (await fetch(`${url}/readyz`)).status,
      (status) => status === 200,
    );
    const recoveryMs = performance.now() - floodEnd;
    talking = false;
    await talked;
    await Promise.all(under);

    offered = asked;
    const from = floodFrom + NOTICED_MS;
    const goodput = (rate(answers, from, floodEnd) / capacity) * 100;
    const refusals = answers.filter(({ status }) => status === 503);
    const refusedConnects = upgrades.filter(({ status }) => status === 503);
    figures = {
      capacity,
      goodput,
      refused: refusals.length,
      connects: refusedConnects.length,
      before: p99(warmFrom, calmFrom + CAPACITY_MS),
      during: p99(from, floodEnd),
      recoveryMs,
    };
    console.log(JSON.stringify(figures), states.join(', '));
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
    agent.destroy();
  });
});
