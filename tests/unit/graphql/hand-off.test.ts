import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { createGroup } from '../../../src/graphql/shared/group.ts';
import { createPump } from '../../../src/graphql/shared/pump.ts';
import { createTurnShare } from '../../../src/lib/turn-share.ts';
import type { Payload, Sink } from '../../../src/graphql/shared/sink.ts';
import { createCounterSource, createManualTime, type CountEvent } from './kit/world.ts';

const MAX_REPLAYED = 12;
const RING = 6;
/** For so long a result is kept after its last use, in milliseconds. */
const REST_MS = 500;

type Step =
  | { do: 'append'; count: number }
  | { do: 'join'; behind: number; connection: number }
  | { do: 'leave'; which: number }
  | { do: 'stall' | 'drain'; connection: number }
  | { do: 'turn' }
  | { do: 'settle' }
  | { do: 'pass'; ms: number }
  | { do: 'fail' | 'ask'; count: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('append' as const), count: fc.integer({ min: 1, max: 9 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('join' as const),
      behind: fc.integer({ min: 0, max: 20 }),
      connection: fc.nat(2),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('leave' as const), which: fc.nat(9) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('stall' as const), connection: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('drain' as const), connection: fc.nat(2) }) },
  { weight: 8, arbitrary: fc.constant({ do: 'turn' as const }) },
  { weight: 5, arbitrary: fc.constant({ do: 'settle' as const }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 30 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom('fail' as const, 'ask' as const),
      count: fc.integer({ min: 1, max: 3 }),
    }),
  },
);

/** Several subscriptions on one connection stall and drain together; each may stall itself by a write. */
function createConnection() {
  const connection = {
    stalled: false,
    stallAfterWrites: Number.POSITIVE_INFINITY,
    parked: [] as (() => void)[],
    drain() {
      connection.stalled = false;
      for (const wake of connection.parked.splice(0)) wake();
    },
  };
  return connection;
}

function createReader(connection: ReturnType<typeof createConnection>, start: number) {
  const seen: CountEvent[] = [];
  let writtenWhileStalled = false;
  let mayJump = true;
  let jumpedBetween = false;
  let seenAtLeave: number | null = null;
  return {
    start,
    seen,
    get left() {
      return seenAtLeave !== null;
    },
    leave() {
      seenAtLeave ??= seen.length;
    },
    faults: () => ({
      writtenWhileStalled,
      jumpedBetween,
      servedAfterLeave: seenAtLeave !== null && seen.length > seenAtLeave,
    }),
    sink: {
      overhead: 10,
      outlet: {
        writable: () => !connection.stalled,
        deliver(_sink: Sink, payloads: readonly Payload[]) {
          writtenWhileStalled ||= connection.stalled;
          for (const { text } of payloads) {
            const event = (JSON.parse(text) as { data: CountEvent }).data;
            jumpedBetween ||= event.skippedCount > 0 && !mayJump;
            mayJump = false;
            seen.push(event);
          }
          if (seen.length % 5 === 4) connection.stalled = true;
        },
        onceWritable(_sink: Sink, wake: () => void) {
          connection.parked.push(() => {
            mayJump = true;
            wake();
          });
        },
        fail: () => undefined,
      },
    },
  };
}

type Reader = ReturnType<typeof createReader>;

/** Every number once, in order, or left out by an exact count, and `replayed` never again after it was false. */
function check(reader: Reader, head: number, atEnd: boolean): void {
  let position = reader.start;
  let live = false;
  for (const { number, skippedCount, replayed } of reader.seen) {
    expect(number - position - 1).toBe(skippedCount);
    if (live) expect(replayed).toBe(false);
    live ||= !replayed;
    position = number;
  }
  expect(reader.faults()).toEqual({
    writtenWhileStalled: false,
    jumpedBetween: false,
    servedAfterLeave: false,
  });
  if (atEnd && !reader.left) expect(position).toBe(head);
}

async function play(steps: readonly Step[], slow: boolean, shares: boolean): Promise<void> {
  const time = createManualTime();
  const source = createCounterSource({ ring: RING, maxReplayed: MAX_REPLAYED });
  const executedAt = new Map<string, number>();
  const executedTooSoon: string[] = [];
  const settles: (() => void)[] = [];
  const share = createTurnShare({ limit: 2, least: 0, nextTurn: time.nextTurn });
  const group = createGroup<number>({
    source: source.follow(),
    execute(event) {
      const key = JSON.stringify(event);
      const now = time.clock.monotonic();
      if (now - (executedAt.get(key) ?? Number.NEGATIVE_INFINITY) < REST_MS) executedTooSoon.push(key);
      executedAt.set(key, now);
      const result = { data: event as Record<string, unknown> };
      if (!slow) return result;
      return new Promise((resolve) => settles.push(() => resolve(result)));
    },
    onFirstSent: () => undefined,
    nextShare: () => (!shares || share.takes('somebody', 1) ? null : share.wait('somebody', () => 1)),
    toClientError: () => {
      throw new Error('no subscriber fails here');
    },
    pump: createPump(time.nextTurn),
    clock: time.clock,
  });
  const connections = [createConnection(), createConnection(), createConnection()];
  const readers: { reader: Reader; leave: () => void }[] = [];
  const breathe = () => new Promise((resolve) => setImmediate(resolve));

  for (const action of steps) {
    if (action.do === 'append') source.append(action.count);
    else if (action.do === 'join') {
      const start = Math.max(0, source.head() - action.behind);
      const reader = createReader(connections[action.connection]!, start);
      const member = group.join(reader.sink, start, { leave: () => undefined });
      readers.push({ reader, leave: () => group.leave(member) });
    } else if (action.do === 'leave') {
      const member = readers[action.which];
      if (member !== undefined) {
        member.leave();
        member.reader.leave();
      }
    } else if (action.do === 'stall') connections[action.connection]!.stalled = true;
    else if (action.do === 'drain') connections[action.connection]!.drain();
    else if (action.do === 'turn') time.turn();
    else if (action.do === 'pass') time.pass(action.ms);
    else if (action.do === 'fail') source.state.failNextReads = action.count;
    else if (action.do === 'ask') source.state.askNextReads = action.count;
    else {
      settles.splice(Math.floor(settles.length / 2), 1)[0]?.();
      await breathe();
    }
    for (const { reader } of readers) check(reader, source.head(), false);
  }
  source.state.failNextReads = 0;
  source.state.askNextReads = 0;
  for (let round = 0; round < 400; round += 1) {
    time.pass(6000);
    for (const connection of connections) connection.drain();
    time.turn();
    for (const settle of settles.splice(0)) settle();
    await breathe();
    if (
      readers.every(
        ({ reader }) => reader.left || (reader.seen.at(-1)?.number ?? reader.start) === source.head(),
      )
    )
      break;
  }
  for (const { reader } of readers) check(reader, source.head(), true);
  expect(executedTooSoon).toEqual([]);
}

it('gives every subscriber each number once and in order, or an exact skip, at every interleaving', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 80, size: 'max' }), fc.boolean(), fc.boolean(), play),
    {
      numRuns: 400,
    },
  );
}, 120_000);
