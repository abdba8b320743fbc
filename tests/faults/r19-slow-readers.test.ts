import { afterEach, describe, expect, it, vi } from 'vitest';
import { DISASTER, startCluster } from '../testkit/cluster.js';
import { check, delays } from '../testkit/faults/checker.js';
import { percentile } from '../testkit/faults/conversation.js';
import { startFollower, type Follower } from '../testkit/faults/follower.js';
import { createHistory } from '../testkit/faults/history.js';
import { startFaultProxy } from '../testkit/faults/proxy.js';
import { createSender, type Sender } from '../testkit/faults/sender.js';
import { createRoom, createVisitor, readLog } from '../testkit/seed.js';
import {
  exitsOf,
  heapMegabytes,
  isLong,
  load,
  ms,
  partOf,
  report,
  residentMegabytes,
  sleep,
  SLACK,
  WEIGHED,
} from './scenario.js';

/** For the heap; the process as a whole is allowed what its collector has not given back yet. */
const MEMORY_MEGABYTES = 64;
/** What the garbage collector has not given back yet. */
const COLLECTOR = 2;
/** By which share the 99th percentile of the others may be later than without any slow reader. */
const LATER = 0.2;
/** About one message a second. */
const TRICKLE_BYTES_PER_SECOND = 1_200;
const WAIT = { timeout: 120_000, interval: 50 };
const SENDERS = 20;
const SECOND_MS = 1000;
/** `perSecond`: as fast as they are acknowledged, or the rate at which delays are compared. */
const held = load({
  short: { stalled: 10, normal: 10, before: 0, messages: 5_000, padding: 960, perSecond: Infinity },
  long: {
    stalled: partOf(1_000),
    normal: partOf(100),
    before: partOf(5_000),
    messages: partOf(50_000),
    padding: 960,
    perSecond: 400,
  },
});

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** So many messages of all senders together. */
async function sendAll(senders: readonly Sender[], messages: number): Promise<void> {
  let sent = 0;
  const paceMs = (senders.length * SECOND_MS) / held.perSecond;
  await Promise.all(
    senders.map(async (sender) => {
      while (sent < messages) {
        sent += 1;
        const next = performance.now() + paceMs;
        await sender.send();
        if (next > performance.now()) await sleep(next - performance.now());
      }
    }),
  );
}

const reached = (clients: readonly Follower[], head: number): Promise<void> =>
  vi.waitFor(() => expect(clients.filter((client) => client.position() !== head)).toHaveLength(0), WAIT);

describe.each(['embedded', 'distributed'] as const)('R19, %s', (name) => {
  it('readers that stall or trickle cost the others nothing, and get everything or an exact skip', async () => {
    const cluster = await startCluster(name, { instances: 1, env: WEIGHED });
    closers.push(cluster.close);
    const [server] = cluster.instances;
    if (server === undefined) throw new Error('no server');
    const url = (): string => server.url();
    const narrow = await startFaultProxy({ host: '127.0.0.1', port: Number(new URL(url()).port) });
    closers.push(narrow.close);
    const visitor = await createVisitor(url());
    const roomId = await createRoom(url(), visitor);
    const history = createHistory();
    const common = { roomId, target: url, history };
    const many = (kind: string, count: number, silenceMs?: null): readonly Follower[] =>
      Array.from({ length: count }, (_, index) =>
        startFollower({ ...common, who: `${kind}-${index}`, ...(silenceMs === null ? { silenceMs } : {}) }),
      );
    const senders = Array.from({ length: SENDERS }, (_, index) =>
      createSender({ ...common, who: `sender-${index}`, visitor, padding: held.padding }),
    );
    /** The 99th percentile of the delays of normal readers, for the messages from here to there. */
    const liveP99 = (from: number, to: number): number =>
      percentile(
        delays(history.events).flatMap(({ who, number, ms: delay }) =>
          who.startsWith('normal') && number > from && number <= to ? [delay] : [],
        ),
        0.99,
      );

    const normal = many('normal', held.normal);
    closers.push(() => Promise.all(normal.map((client) => client.stop())));
    await Promise.all(normal.map(({ begun }) => begun));
    await sendAll(senders, held.before);
    await reached(normal, held.before);

    const stalled = many('stalled', held.stalled, null);
    const trickle = startFollower({
      ...common,
      who: 'trickle',
      silenceMs: null,
      target: () => `http://${narrow.host}:${narrow.port}`,
    });
    closers.push(() => Promise.all([...stalled, trickle].map((client) => client.stop())));
    await Promise.all([...stalled, trickle].map(({ begun }) => begun));
    // All of them live, and the code of the path warm, before anybody stalls.
    const start = held.before + SENDERS;
    await Promise.all(senders.map((sender) => sender.send()));
    await reached([...normal, ...stalled, trickle], start);
    const sockets = stalled.map((client) => client.socket());
    for (const socket of sockets) socket?.stall();
    narrow.set({ bandwidth: TRICKLE_BYTES_PER_SECOND });
    const before = residentMegabytes(server);
    const heapBefore = await heapMegabytes(server);

    const started = performance.now();
    await sendAll(senders, held.messages);
    const seconds = (performance.now() - started) / SECOND_MS;
    const head = start + held.messages;
    await reached(normal, head);
    const grown = residentMegabytes(server) - before;
    const heapGrown = (await heapMegabytes(server)) - heapBefore;
    const behind = [...stalled, trickle].filter((client) => (client.position() ?? 0) < head).length;
    const trickled = (trickle.position() ?? 0) - start;
    const cuts = trickle.reconnects();

    narrow.heal();
    for (const socket of sockets) socket?.wake();
    await reached([...stalled, trickle], head);
    const log = await readLog(url(), roomId);
    const violations = check(history.events, new Map([[roomId, log]]));
    // When the first half is over the buffers of the kernel are full, and who stalls is really behind.
    const meanwhile = liveP99(start + held.messages / 2, head);
    const without = liveP99(held.before / 2, held.before);
    report({
      scenario: `R19 ${name}`,
      load:
        `${held.stalled} stalled and one at 1 message a second beside ${held.normal}, ` +
        `${held.messages} messages of 1 kB in ${seconds.toFixed(1)} s`,
      acked: senders.reduce((sum, sender) => sum + sender.acked(), 0),
      delivered: history.events.filter(({ op }) => op === 'deliver').length,
      violations: violations.length,
      exits: exitsOf(cluster.instances),
      notes:
        `live delivery p99 ${ms(meanwhile)}${held.before === 0 ? '' : `, ${ms(without)} without slow readers`}, ` +
        `heap +${Math.round(heapGrown)} MB, process +${Math.round(grown)} MB, ${behind} were behind when they woke, ` +
        `the slow one was at ${trickled} after ${cuts} cuts`,
    });
    expect(violations).toEqual([]);
    expect(log).toHaveLength(head);
    expect(behind).toBe(held.stalled + 1);
    expect(heapGrown).toBeLessThan(MEMORY_MEGABYTES);
    expect(grown).toBeLessThan(isLong ? Infinity : MEMORY_MEGABYTES * COLLECTOR);
    expect(meanwhile).toBeLessThan(isLong ? without * (1 + LATER * SLACK) : Infinity);
    expect(server.output()).not.toMatch(DISASTER);
  });
});
