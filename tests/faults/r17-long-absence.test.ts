import { afterEach, describe, expect, it, vi } from 'vitest';
import { startCluster } from '../testkit/cluster.js';
import { startFollower } from '../testkit/faults/follower.js';
import { createHistory } from '../testkit/faults/history.js';
import { createRoom, createVisitor, readLog, readPage, sendMessage } from '../testkit/seed.js';
import { check } from '../testkit/faults/checker.js';
import { exitsOf, load, partOf, report } from './scenario.js';

const WAIT = { timeout: 60_000, interval: 50 };
const SENDERS_AT_ONCE = 20;
const held = load({
  short: { missed: 1_200, cap: 300, clients: 10 },
  long: { missed: 5_000, cap: 1_000, clients: partOf(100) },
});

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

describe.each(['embedded', 'distributed'] as const)('R17, %s', (name) => {
  it('whoever was away for long gets the newest in order, an exact count of the rest, and pages that hold it', async () => {
    const cluster = await startCluster(name, {
      instances: 2,
      env: { MAX_REPLAYED_MESSAGES: String(held.cap) },
    });
    closers.push(cluster.close);
    const url = cluster.targets[0]?.() ?? '';
    const visitor = await createVisitor(url);
    const roomId = await createRoom(url, visitor);
    await sendMessage(url, visitor, { roomId, text: 'seen' });
    const { resumeCursor: cursor } = await readPage(url, roomId, { last: 1 });
    let sent = 0;
    await Promise.all(
      Array.from({ length: SENDERS_AT_ONCE }, async () => {
        while (sent < held.missed) {
          sent += 1;
          await sendMessage(url, visitor, { roomId, text: `missed ${sent}` });
        }
      }),
    );
    const log = await readLog(url, roomId);
    const head = held.missed + 1;
    expect(log).toHaveLength(head);

    const history = createHistory();
    const clients = Array.from({ length: held.clients }, (_, index) =>
      startFollower({
        who: String(index),
        roomId,
        target: cluster.targets[index % cluster.targets.length] ?? (() => url),
        history,
        begin: { number: 1, cursor },
      }),
    );
    closers.push(() => Promise.all(clients.map((client) => client.stop())));
    await vi.waitFor(
      () => expect(clients.map((client) => client.position())).toEqual(clients.map(() => head)),
      WAIT,
    );

    const skipped = held.missed - held.cap;
    for (let index = 0; index < held.clients; index += 1) {
      const got = history.events.filter((event) => event.op === 'deliver' && event.who === String(index));
      expect(
        got.map((event) => ('skipped' in event ? [event.number, event.skipped, event.text] : [])),
      ).toEqual(
        log.slice(1 + skipped).map(({ number, text }, place) => [number, place === 0 ? skipped : 0, text]),
      );
    }
    expect(check(history.events, new Map([[roomId, log]]))).toEqual([]);
    // The hole is closed by pages: what lies behind the old cursor, up to where the replay began.
    const hole: number[] = [];
    for (let after = cursor; hole.length < skipped;) {
      const page = await readPage(url, roomId, { first: 100, after });
      hole.push(...page.nodes.map(({ number }) => number));
      after = page.pageInfo.endCursor ?? after;
    }
    expect(hole.slice(0, skipped)).toEqual(log.slice(1, 1 + skipped).map(({ number }) => number));
    report({
      scenario: `R17 ${name}`,
      load: `${held.clients} clients missed ${held.missed} at a cap of ${held.cap}`,
      acked: sent + 1,
      delivered: history.events.filter(({ op }) => op === 'deliver').length,
      violations: check(history.events, new Map([[roomId, log]])).length,
      exits: exitsOf(cluster.instances),
      notes: `the newest in order, ${skipped} told as skipped, ${hole.length} of them and more read by pages`,
    });
  });
});
