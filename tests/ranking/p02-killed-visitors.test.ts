import { afterEach, describe, expect, it, vi } from 'vitest';
import { DISASTER, startCluster, type Cluster } from '../testkit/cluster.js';
import { ask } from '../testkit/graphql-client.js';
import { createRoom, createVisitor } from '../testkit/seed.js';
import type { GraphqlSocket } from '../testkit/socket-client.js';
import { isLong, load, ms, say, SLACK, sleep } from '../faults/scenario.js';
import { follow, open } from './patient-client.js';

const WAIT = { timeout: 60_000, interval: 100 };
const held = load({ short: { visitors: 60, windowS: 6 }, long: { visitors: 500, windowS: 20 } });
/** Somebody who stays is told again this often, at least: a crash loses that much presence. */
const RENEWAL_MS = (held.windowS * 1000) / 6;
const LATE_MS = 2000;
const ONLINE_MS = 75_000;
const LONG_WAIT = { timeout: ONLINE_MS + 60_000, interval: 100 };

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function cluster(instances: number): Promise<Cluster> {
  const started = await startCluster('distributed', {
    instances,
    env: { RECENT_VISIT_WINDOW_SECONDS: String(held.windowS), RANKING_INTERVAL_MS: '200' },
  });
  closers.push(started.close);
  return started;
}

interface Counts {
  readonly recentVisitorCount: number;
  readonly onlineCount: number;
}

const countsOn = async (url: string, room: string): Promise<Counts> =>
  (
    await ask<{ room: Counts }>(
      url,
      'query ($room: ID!) { room(id: $room) { recentVisitorCount onlineCount } }',
      {
        room,
      },
    )
  ).room;

/** As the list of rooms shows it. */
async function listedOn(url: string, room: string): Promise<number | undefined> {
  const { rooms } = await ask<{ rooms: { nodes: (Counts & { id: string })[] } }>(
    url,
    '{ rooms(first: 100) { nodes { id recentVisitorCount } } }',
  );
  return rooms.nodes.find(({ id }) => id === room)?.recentVisitorCount;
}

describe('P2', () => {
  it('K1: the visitors of a killed instance count for a window longer and not a moment more', async () => {
    const { instances, targets } = await cluster(2);
    const [victim, survivor] = [targets[0]!(), targets[1]!()];
    const room = await createRoom(survivor, await createVisitor(survivor));
    const sockets: GraphqlSocket[] = [];
    for (let opened = 0; opened < held.visitors; opened += 50) {
      const more = Array.from({ length: Math.min(50, held.visitors - opened) }, () => open(victim));
      sockets.push(...(await Promise.all(more)));
    }
    closers.push(() => sockets.forEach((socket) => socket.cut()));
    for (const socket of sockets) follow(socket, room);
    await vi.waitFor(
      async () => expect((await countsOn(survivor, room)).onlineCount).toBe(held.visitors),
      WAIT,
    );
    // Whoever made the room counts for a window, too.
    await vi.waitFor(
      async () => expect((await countsOn(survivor, room)).recentVisitorCount).toBe(held.visitors),
      WAIT,
    );
    await vi.waitFor(async () => expect(await listedOn(survivor, room)).toBe(held.visitors), WAIT);

    await instances[0]!.kill();
    const killedAt = performance.now();
    const seen: { at: number; count: number }[] = [];
    while ((seen.at(-1)?.count ?? 1) > 0 && performance.now() - killedAt < WAIT.timeout) {
      const count = (await countsOn(survivor, room)).recentVisitorCount;
      seen.push({ at: performance.now() - killedAt, count });
      const listed = await listedOn(survivor, room);
      expect(listed).toBeLessThanOrEqual(held.visitors);
      await sleep(50);
    }
    expect(Math.max(...seen.map(({ count }) => count))).toBe(held.visitors);
    const firstFall = seen.find(({ count }) => count < held.visitors)?.at ?? 0;
    const gone = seen.find(({ count }) => count === 0)?.at ?? Number.POSITIVE_INFINITY;
    // Never under by more than what a crash may lose; never over.
    expect(firstFall).toBeGreaterThan(held.windowS * 1000 - RENEWAL_MS - LATE_MS);
    expect(gone).toBeLessThan(held.windowS * 1000 + LATE_MS * SLACK);
    await vi.waitFor(async () => expect(await listedOn(survivor, room)).toBe(0), WAIT);

    const nobodyOnline = async (): Promise<number> => {
      await vi.waitFor(async () => expect((await countsOn(survivor, room)).onlineCount).toBe(0), LONG_WAIT);
      return performance.now() - killedAt;
    };
    const onlineMs = isLong ? await nobodyOnline() : 0;
    expect(onlineMs).toBeLessThan(ONLINE_MS + LATE_MS * SLACK);
    say(
      `P2: instance killed with ${held.visitors} visitors, window ${held.windowS} s: never over; first fall after ` +
        `${ms(firstFall)}, all gone after ${ms(gone)}; online: ${isLong ? ms(onlineMs) : 'not waited for'}`,
    );
    expect(instances[1]!.output()).not.toMatch(DISASTER);
  });
});

describe('P3', () => {
  it('RANK-2: one visitor with five tabs on each of three instances is one, until the last tab is gone', async () => {
    const { targets } = await cluster(3);
    const urls = targets.map((target) => target());
    const visitor = await createVisitor(urls[0]!);
    const room = await createRoom(urls[0]!, await createVisitor(urls[0]!));
    await vi.waitFor(async () => expect((await countsOn(urls[1]!, room)).recentVisitorCount).toBe(0), WAIT);
    const tabs = await Promise.all(
      urls.flatMap((url) => Array.from({ length: 5 }, () => open(url, { token: visitor.token }))),
    );
    closers.push(() => tabs.forEach((tab) => tab.cut()));
    for (const tab of tabs) follow(tab, room);
    const expectCounts = async (counts: Counts) => {
      for (const url of urls)
        await vi.waitFor(async () => expect(await countsOn(url, room)).toEqual(counts), WAIT);
    };
    await expectCounts({ recentVisitorCount: 1, onlineCount: 1 });
    for (const tab of tabs.slice(1)) tab.cut();
    // Longer than any of them would count, had it been counted by itself.
    await sleep(held.windowS * 1000 + LATE_MS);
    await expectCounts({ recentVisitorCount: 1, onlineCount: 1 });
    tabs[0]!.cut();
    await expectCounts({ recentVisitorCount: 1, onlineCount: 0 });
    await expectCounts({ recentVisitorCount: 0, onlineCount: 0 });
  });
});
