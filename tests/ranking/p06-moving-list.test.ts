import { afterEach, describe, expect, it, vi } from 'vitest';
import { roomIdOf } from '../../src/graphql/node.js';
import { DISASTER, startCluster } from '../testkit/cluster.js';
import { ask } from '../testkit/graphql-client.js';
import { createRoom, createVisitor, sendMessage, type TestVisitor } from '../testkit/seed.js';
import { load, say, sleep } from '../faults/scenario.js';
import { open } from './patient-client.js';

const WAIT = { timeout: 60_000, interval: 50 };
const INTERVAL_MS = 200;
const PAGE = 100;
const held = load({
  short: { rooms: 1_300, visitors: 20, perSecond: 60, rounds: 1, reads: 40 },
  long: { rooms: 2_500, visitors: 40, perSecond: 100, rounds: 4, reads: 200 },
});
/** Rooms made at once. */
const LANES = 20;

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

interface RoomView {
  readonly id: string;
  readonly recentVisitorCount: number;
  readonly onlineCount: number;
  readonly messageCount: number;
}
interface Page {
  readonly nodes: readonly RoomView[];
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string };
  readonly totalCount: number;
  readonly resumeCursor: string;
}
interface Changed {
  readonly roomsChanged: {
    readonly cursor: string;
    readonly complete: boolean;
    readonly rooms: readonly RoomView[];
    readonly order: readonly string[] | null;
  };
}

const FIELDS = 'id recentVisitorCount onlineCount messageCount';
const ROOMS = `query ($after: String) { rooms(first: ${PAGE}, after: $after) {
  nodes { ${FIELDS} } pageInfo { hasNextPage endCursor } totalCount resumeCursor } }`;
const CHANGED = `subscription ($after: String) { roomsChanged(first: ${PAGE}, after: $after) {
  cursor complete rooms { ${FIELDS} } order } }`;
const VISIT = 'mutation ($room: ID!) { visitRoom(input: { roomId: $room }) { userErrors { code } } }';

/** What a busy store does not answer in time is asked for again, as clients do. */
const readPage = (url: string, after: string | null): Promise<Page> =>
  vi.waitFor(async () => (await ask<{ rooms: Page }>(url, ROOMS, { after })).rooms, WAIT);

/** A client that applies events as the contract says, and remembers what it held at each cursor. */
function createFollower(start: Page) {
  let held = new Map(start.nodes.map((room) => [room.id, room]));
  let order = start.nodes.map((room) => room.id);
  const lists = new Map<string, readonly (RoomView | undefined)[]>();
  return {
    lists,
    cursor: start.resumeCursor,
    events: 0,
    completes: 0,
    apply({ roomsChanged: event }: Changed): void {
      if (event.complete) held = new Map();
      for (const room of event.rooms) held.set(room.id, room);
      order = [...(event.order ?? order)];
      this.cursor = event.cursor;
      this.events += 1;
      if (event.complete) this.completes += 1;
      lists.set(
        event.cursor,
        order.map((id) => held.get(id)),
      );
    },
  };
}

describe('P6', () => {
  it('CURSOR-5, RANK-4, RANK-5: over two instances, each room is on one page of a moving list, and changes are what a fresh read shows', async () => {
    const { instances, targets, close } = await startCluster('distributed', {
      instances: 2,
      env: { RANKING_INTERVAL_MS: String(INTERVAL_MS) },
    });
    closers.push(close);
    const urls = targets.map((target) => target());
    const url = (turn: number): string => urls[turn % 2]!;
    const visitors: TestVisitor[] = [];
    for (let made = 0; made < held.visitors; made += 1) visitors.push(await createVisitor(url(made)));
    const rooms: string[] = [];
    while (rooms.length < held.rooms) {
      const lanes = Array.from({ length: Math.min(LANES, held.rooms - rooms.length) }, (_, lane) =>
        createRoom(url(lane), visitors[lane % visitors.length]!),
      );
      rooms.push(...(await Promise.all(lanes)));
    }
    await vi.waitFor(async () => {
      for (const each of urls) expect((await readPage(each, null)).totalCount).toBe(held.rooms);
    }, WAIT);

    let moves = 0;
    const failures: unknown[] = [];
    const timer = setInterval(() => {
      moves += 1;
      // Another visitor in each round through the rooms, or the list would come to rest.
      const round = Math.floor(moves / rooms.length);
      const room = rooms[(moves * 7919 + round) % rooms.length]!;
      const visitor = visitors[(moves * 31 + round) % visitors.length]!;
      const move =
        moves % 5 === 0
          ? sendMessage(url(moves), visitor, { roomId: room, text: `${moves}` })
          : ask(url(moves), VISIT, { room }, { token: visitor.token });
      move.catch((error: unknown) => failures.push(error));
    }, 1000 / held.perSecond);
    closers.push(() => clearInterval(timer));

    // Pages, each from the other instance, while the list moves between them.
    let pages = 0;
    for (let round = 0; round < held.rounds; round += 1) {
      const seen: string[] = [];
      for (let after: string | null = null, turn = round; ; turn += 1) {
        const page = await readPage(url(turn), after);
        pages += 1;
        seen.push(...page.nodes.map(({ id }) => roomIdOf(id)!));
        if (!page.pageInfo.hasNextPage) break;
        after = page.pageInfo.endCursor;
        await sleep(INTERVAL_MS / 4);
      }
      expect(seen).toHaveLength(held.rooms);
      expect(new Set(seen)).toEqual(new Set(rooms.map((id) => roomIdOf(id)!)));
    }

    // One client follows all the time; another one is cut again and again and goes on at the other instance.
    const steady = createFollower(await readPage(url(0), null));
    const roaming = createFollower(await readPage(url(1), null));
    const socket = await open(url(0));
    closers.push(() => socket.cut());
    socket.subscribe<Changed>(CHANGED, { after: steady.cursor }, { next: (event) => steady.apply(event) });
    const fresh = new Map<string, readonly RoomView[]>();
    let reconnects = 0;
    for (let read = 0; read < held.reads; read += 10) {
      const own = await open(url(reconnects));
      const before = roaming.events;
      const resumed = own.subscribe<Changed>(
        CHANGED,
        { after: roaming.cursor },
        { next: (event) => roaming.apply(event) },
      );
      for (let turn = 0; turn < 10; turn += 1) {
        const page = await readPage(url(read + turn), null);
        fresh.set(page.resumeCursor, page.nodes);
        await sleep(INTERVAL_MS / 3);
      }
      await vi.waitFor(() => {
        expect(resumed.errors).toEqual([]);
        expect(failures).toEqual([]);
        expect(roaming.events).toBeGreaterThan(before);
      }, WAIT);
      own.cut();
      reconnects += 1;
    }
    clearInterval(timer);
    await vi.waitFor(async () => {
      const page = await readPage(url(1), null);
      expect(steady.lists.get(steady.cursor)).toEqual(page.nodes);
    }, WAIT);

    let compared = 0;
    for (const follower of [steady, roaming]) {
      for (const [cursor, nodes] of fresh) {
        const list = follower.lists.get(cursor);
        if (list === undefined) continue;
        compared += 1;
        expect(list).toEqual(nodes);
      }
    }
    say(
      `P6: ${held.rooms} rooms, two instances, ${held.perSecond} changes/s (${moves} in all): ${pages} pages, each room ` +
        `once in each of ${held.rounds} rounds; ${steady.events + roaming.events} events, ${reconnects} reconnects, ` +
        `${compared} of the lists compared with a fresh read of the same revision, 0 differ; ${failures.length} failures`,
    );
    expect(compared).toBeGreaterThan(held.reads / 20);
    expect([steady.completes, roaming.completes]).toEqual([0, 0]);
    expect(failures).toEqual([]);
    for (const instance of instances) expect(instance.output()).not.toMatch(DISASTER);
  });
});
