import { describe, expect, it } from 'vitest';
import { systemIds } from '../../src/lib/ids.js';
import { PINNED_ROOMS } from '../../src/presence/presence-store.js';
import { percentile } from '../testkit/faults/conversation.js';
import { load, say, SLACK } from '../faults/scenario.js';
import { createWorld, soon, uuids } from './redis-world.js';

describe('P5', () => {
  const held = load({ short: { rooms: 10_000, visits: 20_000 }, long: { rooms: 100_000, visits: 200_000 } });
  /** No snapshot is taken but the first: what is counted is done by reads. */
  const QUIET_MS = 3_600_000;
  const PAGE = 50;
  const READS = 500;
  const PROMISED_PAGE_MS = 10;

  async function populated(total: number, visits: number) {
    const world = await createWorld({ intervalMs: QUIET_MS });
    const ids = uuids(total);
    await world.addRooms(ids);
    const at = Date.now();
    const touches = Array.from({ length: visits }, (_, index) => ({
      kind: 'visit' as const,
      roomId: ids[(index * 7919) % total] ?? '',
      visitorId: systemIds.uuid(),
      at,
    }));
    await world.touch(touches);
    const ranking = world.startRanking();
    const first = await ranking.page(PAGE, null, soon());
    expect(first.entries).toHaveLength(PAGE);
    return { world, ranking, first };
  }

  type Populated = Awaited<ReturnType<typeof populated>>;

  /** Times of first pages, in milliseconds, in turn: what the machine does meanwhile meets both alike. */
  async function timed(few: Populated, many: Populated) {
    const times: { few: number[]; many: number[] } = { few: [], many: [] };
    for (let turn = 0; turn < READS; turn += 1) {
      for (const [list, { ranking }] of [
        [times.few, few],
        [times.many, many],
      ] as const) {
        const began = performance.now();
        await ranking.page(PAGE, null, soon());
        list.push(performance.now() - began);
      }
    }
    return times;
  }

  it('the first page asks Redis nothing, a later one once at most, and nothing ever scans', async () => {
    const [few, many] = [await populated(1000, 2000), await populated(held.rooms, held.visits)];
    const { world, ranking, first } = many;
    expect([...(await world.calls()).keys()].filter((name) => /^(keys|scan|[hsz]scan)$/.test(name))).toEqual(
      [],
    );

    await world.resetCalls();
    const times = await timed(few, many);
    expect(
      await world.calls().then((calls) => [...calls.keys()].filter((name) => !name.startsWith('config'))),
    ).toEqual([]);

    // Another instance lacks the revision that a cursor names: it reads it once, for all.
    const other = world.startRanking();
    const page = await other.page(PAGE, first.entries.at(-1)?.cursor ?? '', soon());
    expect(page.entries).toHaveLength(PAGE);
    await world.resetCalls();
    await other.page(PAGE, page.entries.at(-1)?.cursor ?? '', soon());
    expect((await world.calls()).has('get')).toBe(false);

    // Below the pinned rooms: one script for the whole page.
    let last = first;
    while (last.hasNextPage && (last.entries.length === 0 || !isBelow(last.entries.at(-1)?.cursor))) {
      last = await ranking.page(100, last.entries.at(-1)?.cursor ?? '', soon());
    }
    const below = last.entries.at(-1)?.cursor ?? '';
    await world.resetCalls();
    await ranking.page(PAGE, below, soon());
    expect((await world.calls()).get('evalsha')).toBe(1);
    // And by an instance that lacks the revision: that, and the counts.
    const third = world.startRanking();
    await third.page(1, null, soon());
    await world.resetCalls();
    await third.page(PAGE, below, soon());
    const asked = await world.calls();
    expect((asked.get('evalsha') ?? 0) + (asked.get('get') ?? 0)).toBeLessThanOrEqual(3);

    const p99 = { few: percentile(times.few, 0.99), many: percentile(times.many, 0.99) };
    const median = { few: percentile(times.few, 0.5), many: percentile(times.many, 0.5) };
    say(
      `P5: rooms(first: 50) with ${held.rooms} rooms and ${held.visits} visits: 0 commands, ` +
        `p50 ${median.many.toFixed(3)} ms, p99 ${p99.many.toFixed(3)} ms; with 1000 rooms ` +
        `p50 ${median.few.toFixed(3)} ms, p99 ${p99.few.toFixed(3)} ms; 0 KEYS, 0 SCAN`,
    );
    // A busy machine interrupts some of them, but not most of those with many rooms alone.
    expect(p99.many).toBeLessThan(load({ short: Number.POSITIVE_INFINITY, long: PROMISED_PAGE_MS * SLACK }));
    expect(median.many).toBeLessThan(PROMISED_PAGE_MS);
    expect(median.many).toBeLessThan(2 * median.few);
  });

  const isBelow = (cursor: string | undefined): boolean =>
    Buffer.from(cursor ?? '', 'base64url')
      .toString()
      .startsWith('r1 below');

  it('10,000 rooms with equal counts are in order, and each is listed exactly once', async () => {
    const world = await createWorld({ intervalMs: QUIET_MS });
    const ids = uuids(10_000);
    await world.addRooms(ids);
    const at = Date.now();
    await world.touch(ids.map((roomId) => ({ kind: 'visit', roomId, visitorId: 'same', at })));
    const ranking = world.startRanking();
    const seen: string[] = [];
    for (let after: string | null = null; ;) {
      const page = await ranking.page(100, after, soon());
      for (const { standing } of page.entries) {
        expect(standing.recentVisitorCount).toBe(1);
        seen.push(standing.roomId);
      }
      if (!page.hasNextPage) break;
      after = page.entries.at(-1)?.cursor ?? '';
    }
    // Equal counts and equal activity: by id, from the highest, as it is by creation below the pinned ones.
    expect(seen).toEqual([...ids].sort().reverse());
    expect(seen.length).toBeGreaterThan(PINNED_ROOMS);
  });
});

describe('the memory of visits', () => {
  const VISITS = 50_000;

  it('is at most 180 bytes of Redis for a visitor who left, and 550 for one who is connected', async () => {
    const perVisit = async (kind: 'visit' | 'join'): Promise<number> => {
      const world = await createWorld();
      const ids = uuids(100);
      await world.addRooms(ids);
      const before = await world.memory();
      const at = Date.now();
      await world.touch(
        Array.from({ length: VISITS }, (_, index) => ({
          kind,
          roomId: ids[index % ids.length] ?? '',
          visitorId: systemIds.uuid(),
          at,
        })),
      );
      return ((await world.memory()) - before) / VISITS;
    };
    const [gone, connected] = [await perVisit('visit'), await perVisit('join')];
    say(
      `P5: Redis memory: ${gone.toFixed(0)} B a visit of somebody who left, ${connected.toFixed(0)} B a connected one`,
    );
    expect(gone).toBeLessThanOrEqual(180);
    expect(connected).toBeLessThanOrEqual(550);
  });
});
