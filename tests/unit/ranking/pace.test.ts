import { describe, expect, it } from 'vitest';
import { createGroup } from '../../../src/graphql/shared/group.js';
import { createPump } from '../../../src/graphql/shared/pump.js';
import type { Sink } from '../../../src/graphql/shared/sink.js';
import { systemIds } from '../../../src/lib/ids.js';
import { silentLogger } from '../../../src/lib/logger.js';
import { createMemoryPresenceStore } from '../../../src/presence/presence-store.memory.js';
import { createMemoryPubSub } from '../../../src/pubsub/pubsub.memory.js';
import type { RankingChange } from '../../../src/ranking/rank.js';
import { createRankingService } from '../../../src/ranking/ranking-service.js';
import { createManualClock } from '../../testkit/manual-clock.js';
import { createRooms, INTERVAL_MS, WINDOW_MS } from '../presence/world.js';

const ROOMS = 30;
const WATCHED = 10;
/** Subscribers of one tenth of an interval are taken for one. */
const STEP_MS = INTERVAL_MS / 10;

const soon = (): AbortSignal => AbortSignal.timeout(20_000);

/** A ranking that is loaded, and a group of subscribers to it as the server makes them. */
async function createWorld() {
  const clock = createManualClock();
  const rooms = createRooms();
  const ids = Array.from({ length: ROOMS }, (_, index) => `room${index}`);
  for (const id of ids) rooms.add(id, new Date(clock.now() - 60_000));
  const store = createMemoryPresenceStore({
    clock,
    ids: systemIds,
    windowMs: WINDOW_MS,
    intervalMs: INTERVAL_MS,
  });
  const { epoch, now } = await store.beat('i');
  await store.raise(ids.map((roomId) => ({ roomId, number: 0, at: clock.now() - 60_000 })));
  await store.fulfilled('i', epoch, 'load', now);
  const ranking = createRankingService({
    store,
    rooms: rooms.store,
    pubsub: createMemoryPubSub({ log: silentLogger }),
    clock,
    chance: () => 0.5,
    log: silentLogger,
    intervalMs: INTERVAL_MS,
  });
  await clock.advance(100);

  let executions = 0;
  const group = createGroup<string>({
    source: ranking.follow(WATCHED),
    execute(event) {
      executions += 1;
      return { data: { event } };
    },
    toClientError: () => {
      throw new Error('no failure is expected');
    },
    onFirstSent: () => undefined,
    nextShare: () => null,
    pump: createPump(setImmediate),
    clock,
  });

  async function subscribe() {
    const events: { at: number; event: RankingChange }[] = [];
    const sink: Sink = {
      overhead: 0,
      outlet: {
        writable: () => true,
        onceWritable: () => undefined,
        fail: () => undefined,
        deliver(_sink, payloads) {
          for (const { text } of payloads) {
            const { data } = JSON.parse(text) as { data: { event: RankingChange } };
            events.push({ at: clock.monotonic(), event: data.event });
          }
        },
      },
    };
    const begunAt = clock.monotonic();
    group.join(sink, await group.begin(null, soon()), { leave: () => undefined });
    return { begunAt, events };
  }

  let visitors = 0;
  return {
    clock,
    ranking,
    group,
    subscribe,
    executions: () => executions,
    /** Something in the watched part changes. */
    async change() {
      visitors += 1;
      const roomId = ids[visitors % 5]!;
      await store.touch('i', [{ kind: 'visit', roomId, visitorId: `v${visitors}`, at: clock.now() }]);
    },
  };
}

const gapsOf = (events: readonly { at: number }[]): number[] =>
  events.slice(1).map(({ at }, index) => at - events[index]!.at);

function listAfter(events: readonly { event: RankingChange }[]) {
  const held = new Map<string, unknown>();
  let order: readonly string[] = [];
  for (const { event } of events) {
    for (const standing of event.standings) held.set(standing.roomId, standing);
    order = event.order ?? order;
  }
  return order.map((roomId) => held.get(roomId));
}

describe('events of roomsChanged', () => {
  it('RANK-4: come at most once per interval to everyone, whenever it subscribed', async () => {
    const world = await createWorld();
    const subscribers: Awaited<ReturnType<typeof world.subscribe>>[] = [];
    for (let turn = 0; turn < 400; turn += 1) {
      await world.change();
      if (turn % 3 === 0 && turn < 200) subscribers.push(await world.subscribe());
      await world.clock.advance(49);
    }
    await world.clock.advance(INTERVAL_MS * 4);

    const gaps = subscribers.flatMap(({ events }) => gapsOf(events));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(INTERVAL_MS - STEP_MS);
    // A subscriber skips one snapshot at most, and only to catch up with the others.
    expect(Math.max(...gaps)).toBeLessThanOrEqual(INTERVAL_MS * 2.5);
    for (const { begunAt, events } of subscribers) expect(events[0]!.at).toBe(begunAt);

    const { entries } = await world.ranking.page(WATCHED, null, soon());
    const fresh = entries.map(({ standing }) => standing);
    for (const { events } of subscribers) expect(listAfter(events)).toEqual(fresh);

    // Of a revision: the whole list, the change from the one before, the change for those who skipped that one.
    const revisions = new Set(subscribers.flatMap(({ events }) => events.map(({ event }) => event.cursor)));
    expect(world.executions()).toBeLessThanOrEqual(revisions.size * 3);
    world.group.close();
  });

  it('RANK-4: show a change soon to one who has just subscribed, also when the list is quiet afterwards', async () => {
    for (let phase = 0; phase < INTERVAL_MS; phase += 90) {
      const world = await createWorld();
      await world.change();
      await world.clock.advance(phase);
      const { events } = await world.subscribe();
      await world.clock.advance(1);
      const before = world.clock.monotonic();
      await world.change();
      await world.clock.advance(INTERVAL_MS * 4);
      expect(gapsOf(events).every((gap) => gap >= INTERVAL_MS - STEP_MS)).toBe(true);
      const { entries } = await world.ranking.page(WATCHED, null, soon());
      expect(listAfter(events)).toEqual(entries.map(({ standing }) => standing));
      expect(events.at(-1)!.at - before).toBeLessThanOrEqual(INTERVAL_MS * 1.75 + STEP_MS);
      world.group.close();
    }
  });

  it('RANK-4: come to all who follow in the same turn, once they have followed for two intervals', async () => {
    const world = await createWorld();
    const subscribers: Awaited<ReturnType<typeof world.subscribe>>[] = [];
    for (let turn = 0; turn < 60; turn += 1) {
      await world.change();
      if (turn < 20) subscribers.push(await world.subscribe());
      await world.clock.advance(97);
    }
    const before = world.executions();
    const begun = world.clock.monotonic();
    for (let turn = 0; turn < 60; turn += 1) {
      await world.change();
      await world.clock.advance(97);
    }
    const later = subscribers.map(({ events }) => events.filter(({ at }) => at > begun));
    expect(world.executions() - before).toBeLessThanOrEqual(8);
    expect(Math.max(...later.map((events) => events.length))).toBeLessThanOrEqual(7);
    expect(Math.min(...later.map((events) => events.length))).toBeGreaterThanOrEqual(5);
    world.group.close();
  });
});
