import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { startCluster, type Cluster } from '../testkit/cluster.js';
import { expectFlawless, rotating, startConversation } from '../testkit/faults/conversation.js';
import { check } from '../testkit/faults/checker.js';
import { startFollower } from '../testkit/faults/follower.js';
import { createHistory } from '../testkit/faults/history.js';
import { startFaultProxy } from '../testkit/faults/proxy.js';
import { createSender } from '../testkit/faults/sender.js';
import { createRoom, createVisitor, readLog, readPage, sendMessage } from '../testkit/seed.js';
import { exitsOf, figuresOf, IN_TIME, load, partOf, report } from './scenario.js';

const WAIT = { timeout: 30_000, interval: 50 };
const held = load({
  short: { sends: 100, keys: 100, joins: 200, perSecond: 100 },
  long: { sends: partOf(500), keys: partOf(1_000), joins: partOf(2_000), perSecond: partOf(300) },
});
const KEYS_AT_ONCE = 10;
const JOINS_AT_ONCE = 20;
const ROOMS = 10;

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function cluster(name: 'embedded' | 'distributed'): Promise<Cluster> {
  const started = await startCluster(name, { instances: 3 });
  closers.push(started.close);
  return started;
}

/** Three ways in: three instances, or three clients of the one process. */
const threeOf = ({ targets }: Cluster): readonly string[] =>
  [0, 1, 2].map((index) => targets[index % targets.length]?.() ?? '');

describe.each(['embedded', 'distributed'] as const)('%s', (name) => {
  it('R13: a send whose answer was lost is stored once, and its retry says so', async () => {
    const { targets, instances } = await cluster(name);
    const proxies = await Promise.all(
      targets.map(async (target) => {
        const { hostname: host, port } = new URL(target());
        return startFaultProxy({ host, port: Number(port) });
      }),
    );
    closers.push(() => Promise.all(proxies.map((proxy) => proxy.close())));
    const url = targets[0]?.() ?? '';
    const visitor = await createVisitor(url);
    const roomId = await createRoom(url, visitor);
    const history = createHistory();
    const sender = createSender({
      who: 'sender',
      roomId,
      visitor,
      history,
      target: rotating(
        proxies.map(
          ({ port }) =>
            () =>
              `http://127.0.0.1:${port}`,
        ),
        0,
      ),
    });
    for (const proxy of proxies) proxy.set({ lostAnswers: 0.5 });
    for (let index = 0; index < held.sends; index += 1) await sender.send();
    const log = await readLog(url, roomId);
    const lost = proxies.reduce((sum, proxy) => sum + proxy.lost(), 0);
    report({
      scenario: `R13 ${name}`,
      load: `${held.sends} sends, ${lost} answers lost`,
      acked: sender.acked(),
      delivered: log.length,
      violations: check(history.events, new Map([[roomId, log]])).length,
      exits: exitsOf(instances),
      notes: `${sender.retried()} retried, ${sender.duplicates()} answered as stored before`,
    });
    expect(log).toHaveLength(held.sends);
    expect(log.map(({ number }) => number)).toEqual(log.map((_, index) => index + 1));
    const acks = history.events.filter(({ op }) => op === 'ack');
    expect(acks.map((ack) => ('number' in ack ? ack.number : 0))).toEqual(log.map(({ number }) => number));
    expect(check(history.events, new Map([[roomId, log]]))).toEqual([]);
    expect(lost).toBeGreaterThan(held.sends / 10);
    expect(sender.duplicates()).toBe(sender.retried());
  });

  it('R14: one key used three times at once is stored once, and all three answers are equal', async () => {
    const servers = await cluster(name);
    const three = threeOf(servers);
    const visitor = await createVisitor(three[0] ?? '');
    const roomId = await createRoom(three[0] ?? '', visitor);
    let used = 0;
    let conflicts = 0;
    async function useKeys(): Promise<void> {
      while (used < held.keys) {
        used += 1;
        const input = { roomId, text: `text ${used}`, idempotencyKey: randomUUID() };
        const answers = await Promise.all(three.map((url) => sendMessage(url, visitor, input)));
        expect(new Set(answers.map(({ message }) => JSON.stringify(message))).size).toBe(1);
        expect(answers.map(({ userErrors }) => userErrors)).toEqual([[], [], []]);
        expect(answers.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
        const other = await sendMessage(three[used % 3] ?? '', visitor, { ...input, text: 'another text' });
        expect(other.userErrors.map(({ code }) => code)).toEqual(['IDEMPOTENCY_CONFLICT']);
        conflicts += 1;
      }
    }
    await Promise.all(Array.from({ length: KEYS_AT_ONCE }, useKeys));
    const texts = (await readLog(three[0] ?? '', roomId)).map(({ text }) => text);
    report({
      scenario: `R14 ${name}`,
      load: `${held.keys} keys, each three times at once`,
      acked: 3 * used,
      delivered: texts.length,
      violations: Math.abs(texts.length - held.keys),
      exits: exitsOf(servers.instances),
      notes: `${conflicts} conflicts for another text`,
    });
    expect(conflicts).toBe(held.keys);
    expect(texts.toSorted()).toEqual(
      Array.from({ length: held.keys }, (_, index) => `text ${index + 1}`).toSorted(),
    );
  });

  it('R15: whoever joins at any moment gets each message once, from where it joined', async () => {
    const { targets, instances } = await cluster(name);
    const conversation = await startConversation({
      targets,
      rooms: ROOMS,
      followers: ROOMS,
      senders: ROOMS,
      perSecond: held.perSecond,
    });
    let joined = 0;
    async function joinAndLeave(): Promise<void> {
      joined += 1;
      const nth = joined;
      // One half begins behind a page, the other behind whatever there is.
      const guest = startFollower({
        who: `guest-${nth}`,
        roomId: conversation.roomIds[nth % ROOMS] ?? '',
        target: rotating(targets, nth),
        history: conversation.history,
        ...(nth % 2 === 0 ? { begin: { number: null, cursor: null } } : {}),
      });
      await guest.begun;
      const from = guest.position();
      await vi.waitFor(() => expect(guest.position() ?? 0).toBeGreaterThan(from ?? 0), WAIT);
      await guest.leave();
    }
    async function keepJoining(): Promise<void> {
      while (joined < held.joins) await joinAndLeave();
    }
    await Promise.all(Array.from({ length: JOINS_AT_ONCE }, keepJoining));
    const outcome = await conversation.finish(IN_TIME);
    report({
      scenario: `R15 ${name}`,
      load: `${joined} joins and leaves, ${ROOMS} rooms, ${held.perSecond} msg/s wanted`,
      exits: exitsOf(instances),
      ...figuresOf(outcome),
    });
    expectFlawless(outcome, conversation.history);
    expect(joined).toBeGreaterThanOrEqual(held.joins);
  });

  it('R15: who joins an empty room by its cursor gets its first message', async () => {
    const { targets } = await cluster(name);
    const url = targets[0]?.() ?? '';
    const visitor = await createVisitor(url);
    const roomId = await createRoom(url, visitor);
    const { resumeCursor } = await readPage(url, roomId, { last: 1 });
    const history = createHistory();
    const guest = startFollower({
      who: 'guest',
      roomId,
      target: rotating(targets, 1),
      history,
      begin: { number: 0, cursor: resumeCursor },
    });
    closers.push(guest.stop);
    await guest.begun;
    await sendMessage(url, visitor, { roomId, text: 'first' });
    await vi.waitFor(() => expect(guest.position()).toBe(1), WAIT);
    expect(history.events.filter(({ op }) => op === 'deliver')).toHaveLength(1);
  });
});
