import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { createGroup } from '../../../src/graphql/shared/group.ts';
import { createPump } from '../../../src/graphql/shared/pump.ts';
import type { Payload, Sink } from '../../../src/graphql/shared/sink.ts';
import { createCounterSource, createManualTime, type CountEvent } from './kit/world.ts';

type Step =
  | { do: 'append'; count: number }
  | { do: 'join'; behind: number; reader: number }
  | { do: 'leave'; reader: number }
  | { do: 'stall'; reader: number }
  | { do: 'drain'; reader: number }
  | { do: 'rename'; author: number }
  | { do: 'turn' }
  | { do: 'settle' }
  | { do: 'pass' };

const reader = fc.nat(3);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('append' as const), count: fc.integer({ min: 1, max: 4 }) }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('join' as const), behind: fc.nat(6), reader }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom('leave' as const, 'stall' as const, 'drain' as const, 'drain' as const),
      reader,
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('rename' as const), author: fc.nat(1) }) },
  {
    weight: 14,
    arbitrary: fc.record({
      do: fc.constantFrom('turn' as const, 'turn' as const, 'settle' as const, 'pass' as const),
    }),
  },
);

const breathe = () => new Promise((resolve) => setImmediate(resolve));
const authorOf = ({ number }: CountEvent): number => number % 2;

/** A group whose results show the name that their author has while they are executed. */
function createNamedGroup({ slow, padding = '' }: { slow: boolean; padding?: string }) {
  const time = createManualTime();
  const source = createCounterSource();
  const names = [0, 0];
  const settles: (() => void)[] = [];
  const group = createGroup<number>({
    source: source.follow(),
    execute(event) {
      const shown = {
        data: { ...(event as CountEvent), name: names[authorOf(event as CountEvent)], padding },
      };
      return slow ? new Promise((resolve) => settles.push(() => resolve(shown))) : shown;
    },
    onFirstSent: () => undefined,
    nextShare: () => null,
    toClientError: () => {
      throw new Error('no subscriber fails here');
    },
    pump: createPump(time.nextTurn),
    clock: time.clock,
  });

  function createReader() {
    const seen: { number: number; name: number; present: number }[] = [];
    const parked: (() => void)[] = [];
    const state = { stalled: false };
    const sink: Sink = {
      overhead: 10,
      outlet: {
        writable: () => !state.stalled,
        deliver(_sink, payloads: readonly Payload[]) {
          for (const { text } of payloads) {
            const { data } = JSON.parse(text) as { data: CountEvent & { name: number } };
            seen.push({ number: data.number, name: data.name, present: names[authorOf(data)]! });
          }
        },
        onceWritable: (_sink, wake) => void parked.push(wake),
        fail: () => undefined,
      },
    };
    return {
      seen,
      sink,
      state,
      drain() {
        state.stalled = false;
        for (const wake of parked.splice(0)) wake();
      },
    };
  }

  return {
    time,
    source,
    group,
    settles,
    createReader,
    rename(author: number) {
      names[author]! += 1;
      group.forget((event) => authorOf(event as CountEvent) === author);
    },
  };
}

async function play(steps: readonly Step[], slow: boolean): Promise<void> {
  const { time, source, group, settles, createReader, rename } = createNamedGroup({ slow });
  const readers = Array.from({ length: 4 }, () => ({
    ...createReader(),
    leave: (): void => undefined,
    next: 0,
  }));
  for (const action of steps) {
    if (action.do === 'append') source.append(action.count);
    else if (action.do === 'rename') rename(action.author);
    else if (action.do === 'turn') time.turn();
    else if (action.do === 'pass') time.pass(25);
    else if (action.do === 'settle') {
      settles.splice(Math.floor(settles.length / 2), 1)[0]?.();
      await breathe();
    } else if (action.do === 'stall') readers[action.reader]!.state.stalled = true;
    else if (action.do === 'drain') readers[action.reader]!.drain();
    else if (action.do === 'leave') readers[action.reader]!.leave();
    else {
      const each = readers[action.reader]!;
      const start = Math.max(0, source.head() - action.behind);
      each.leave();
      const member = group.join(each.sink, start, { leave: () => undefined });
      each.leave = () => group.leave(member);
      each.seen.length = 0;
      each.next = start + 1;
    }
    for (const { seen, next } of readers) {
      expect(seen.map(({ number }) => number)).toEqual(seen.map((_, index) => next + index));
      expect(seen.map(({ name }) => name)).toEqual(seen.map(({ present }) => present));
    }
  }
}

it('VISITOR-4: what is delivered shows the name of then, whoever was renamed when', async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), fc.boolean(), play), {
    numRuns: 200,
  });
}, 120_000);

it('VISITOR-4: a result that waits for its connection is made anew, also one that is too large to be remembered', async () => {
  for (const padding of ['', 'x'.repeat(1_100_000)]) {
    const { time, source, group, settles, createReader, rename } = createNamedGroup({ slow: true, padding });
    const slow = createReader();
    group.join(slow.sink, 0, { leave: () => undefined });
    source.append();
    const settle = async () => {
      for (let round = 0; round < 4; round += 1) {
        time.turn();
        for (const each of settles.splice(0)) each();
        await breathe();
      }
    };
    time.turn();
    time.turn();
    slow.state.stalled = true;
    await settle();
    rename(1);
    slow.drain();
    await settle();
    expect(slow.seen).toEqual([{ number: 1, name: 1, present: 1 }]);
  }
});
