import { afterEach, describe, expect, it, vi } from 'vitest';
import { DISASTER, startCluster } from '../testkit/cluster.js';
import { check, delays } from '../testkit/faults/checker.js';
import { percentile } from '../testkit/faults/conversation.js';
import { startFollower } from '../testkit/faults/follower.js';
import { createHistory } from '../testkit/faults/history.js';
import { createSender } from '../testkit/faults/sender.js';
import { createRoom, createVisitor, readLog } from '../testkit/seed.js';
import { load, ms, report, residentMegabytes } from './scenario.js';

/** For the heap; the process as a whole is allowed what its collector has not given back yet. */
const MEMORY_MEGABYTES = 64;
/** What the garbage collector has not given back yet. */
const COLLECTOR = 2;
const WAIT = { timeout: 120_000, interval: 50 };
const SENDERS = 20;
const held = load({
  short: { stalled: 10, normal: 10, messages: 5_000, padding: 960 },
  long: { stalled: 1_000, normal: 100, messages: 50_000, padding: 960 },
});

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

describe.each(['embedded', 'distributed'] as const)('R19, %s', (name) => {
  it('readers that stall cost the others nothing, and get everything or an exact skip when they wake', async () => {
    const cluster = await startCluster(name, { instances: 1 });
    closers.push(cluster.close);
    const [server] = cluster.instances;
    if (server === undefined) throw new Error('no server');
    const visitor = await createVisitor(server.url());
    const roomId = await createRoom(server.url(), visitor);
    const history = createHistory();
    const follow = (who: string, silenceMs?: null) =>
      startFollower({
        who,
        roomId,
        target: () => server.url(),
        history,
        ...(silenceMs === undefined ? {} : { silenceMs }),
      });
    const stalled = Array.from({ length: held.stalled }, (_, index) => follow(`stalled-${index}`, null));
    const normal = Array.from({ length: held.normal }, (_, index) => follow(`normal-${index}`));
    const senders = Array.from({ length: SENDERS }, (_, index) =>
      createSender({
        who: `sender-${index}`,
        roomId,
        visitor,
        target: () => server.url(),
        history,
        padding: held.padding,
      }),
    );
    closers.push(() => Promise.all([...stalled, ...normal].map((client) => client.stop())));
    await Promise.all([...stalled, ...normal].map(({ begun }) => begun));
    // All of them live, and the code of the path warm, before anybody stalls.
    await Promise.all(senders.map((sender) => sender.send()));
    await vi.waitFor(() => {
      for (const client of [...stalled, ...normal]) expect(client.position()).toBe(SENDERS);
    }, WAIT);
    const sockets = stalled.map((client) => client.socket());
    for (const socket of sockets) socket?.stall();
    const before = residentMegabytes(server);

    const started = performance.now();
    let sent = 0;
    await Promise.all(
      senders.map(async (sender) => {
        while (sent < held.messages) {
          sent += 1;
          await sender.send();
        }
      }),
    );
    const seconds = (performance.now() - started) / 1000;
    const head = SENDERS + held.messages;
    await vi.waitFor(
      () => expect(normal.map((client) => client.position())).toEqual(normal.map(() => head)),
      WAIT,
    );
    const grown = residentMegabytes(server) - before;
    const behind = stalled.filter((client) => (client.position() ?? 0) < head).length;

    for (const socket of sockets) socket?.wake();
    await vi.waitFor(
      () => expect(stalled.map((client) => client.position())).toEqual(stalled.map(() => head)),
      WAIT,
    );
    const log = await readLog(server.url(), roomId);
    const violations = check(history.events, new Map([[roomId, log]]));
    const live = delays(history.events).filter(({ who }) => who.startsWith('normal'));
    const liveP99 = percentile(
      live.map(({ ms: delay }) => delay),
      0.99,
    );
    report({
      scenario: `R19 ${name}`,
      load: `${held.stalled} stalled beside ${held.normal}, ${held.messages} messages of 1 kB in ${seconds.toFixed(1)} s`,
      acked: senders.reduce((sum, sender) => sum + sender.acked(), 0),
      delivered: history.events.filter(({ op }) => op === 'deliver').length,
      violations: violations.length,
      exits: 0,
      notes: `live delivery p99 ${ms(liveP99)}, process +${Math.round(grown)} MB, ${behind} were behind when they woke`,
    });
    expect(violations).toEqual([]);
    expect(log).toHaveLength(head);
    expect(behind).toBe(held.stalled);
    expect(grown).toBeLessThan(MEMORY_MEGABYTES * COLLECTOR);
    expect(server.output()).not.toMatch(DISASTER);
  });
});
