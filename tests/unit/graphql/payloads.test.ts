import { expect, it } from 'vitest';
import { createPayloads } from '../../../src/graphql/shared/payloads.ts';
import { createFakeClock } from '../../testkit/log/fake-clock.js';

const ENVELOPE_BYTES = Buffer.byteLength(JSON.stringify({ data: '' }));
const QUARTER = 262_144;
const MAX_BYTES = 4 * QUARTER;

/** Results of events, each of which is a number, in so many bytes. */
function world(bytesOf: (event: number) => number) {
  const clock = createFakeClock();
  let executed: number[] = [];
  const payloads = createPayloads(
    (event) => {
      executed.push(event as number);
      return { data: 'x'.repeat(bytesOf(event as number) - ENVELOPE_BYTES) as never };
    },
    clock,
    () => undefined,
    () => null,
    () => undefined,
  );
  return {
    clock,
    payloads,
    forget: (...events: number[]) => payloads.forget((event) => events.includes(event as number)),
    /** Asks for these; which of them had to be made. */
    made(...events: number[]): number[] {
      executed = [];
      for (const event of events)
        expect(payloads.get(String(event), event).payload?.bytes).toBe(bytesOf(event));
      return executed;
    },
  };
}

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);

it('a group remembers the 1,024 results that it made last', () => {
  const { made, forget } = world(() => 20);
  expect(made(...numbers(0, 1030))).toHaveLength(1030);
  expect(made(...numbers(6, 1030))).toEqual([]);
  forget(6, 1000);
  expect(made(6, 1000, 0)).toEqual([6, 1000, 0]);
  expect(made(...numbers(8, 1030), 6, 0)).toEqual([]);
  expect(made(7)).toEqual([7]);
});

it('a group remembers results of 1 MiB, and what one took that was forgotten or gave way is free again', () => {
  const { made, forget } = world(() => QUARTER);
  expect(made(0, 1, 2, 3)).toEqual([0, 1, 2, 3]);
  for (let next = 4; next < 12; next += 1) {
    expect(made(...numbers(next - 4, next))).toEqual([]);
    expect(made(next)).toEqual([next]);
  }
  for (let round = 0; round < 6; round += 1) {
    forget(9);
    expect(made(8, 10, 11)).toEqual([]);
    expect(made(9)).toEqual([9]);
  }
  expect(made(8, 9, 10, 11)).toEqual([]);
});

it('a result of 1 MiB takes the place of all others, and a larger one of none', () => {
  const { made } = world((event) => [20, MAX_BYTES, MAX_BYTES + 1][event] ?? 20);
  expect(made(0, 2, 0, 2)).toEqual([0, 2, 2]);
  expect(made(1, 1, 2, 1)).toEqual([1, 2]);
  expect(made(0, 1)).toEqual([0, 1]);
});

it('a group lets its results go each time that nobody asked for any in 500 ms, and not before', async () => {
  const { clock, made } = world(() => 20);
  for (let round = 0; round < 3; round += 1) {
    expect(made(0, 1)).toEqual([0, 1]);
    // Those who ask again and again have them for as long as they do.
    for (let turn = 0; turn < 4; turn += 1) {
      await clock.pass(400);
      expect(made(1)).toEqual([]);
    }
    await clock.pass(1500);
  }
});

it('a group keeps its results while it makes one, and for a while after', async () => {
  let answer = (): void => undefined;
  const executed: unknown[] = [];
  const rests: number[] = [];
  const clock = createFakeClock();
  const payloads = createPayloads(
    (event) => {
      executed.push(event);
      return event === 0 ? { data: {} } : new Promise((resolve) => (answer = () => resolve({ data: {} })));
    },
    clock,
    () => undefined,
    () => null,
    () => rests.push(clock.monotonic()),
  );
  for (const event of [0, 1]) payloads.get(String(event), event);
  await clock.pass(5200);
  answer();
  await clock.pass(600);
  for (const event of [0, 1]) payloads.get(String(event), event);
  expect([executed, rests]).toEqual([[0, 1], []]);
  await clock.pass(1500);
  expect(rests).toHaveLength(1);
});

it('what is not made yet counts as the largest result so far, and as some 6 kB at first', () => {
  const { payloads } = world((event) => event);
  const unmade = { event: 0, payload: null, stale: false, generation: 0, waiting: null };
  const sizes = [payloads.sizeOf(unmade)];
  for (const bytes of [300, 700, 500]) {
    sizes.push(payloads.sizeOf(payloads.get(String(bytes), bytes)), payloads.sizeOf(unmade));
  }
  expect(sizes).toEqual([6000, 300, 300, 700, 700, 500, 700]);
});

it('a group that has had its share executes in the turn in which it may, what changed until then at once, and nothing once it is closed', async () => {
  const due: (() => void)[] = [];
  const begun: unknown[] = [];
  const payloads = createPayloads(
    (event) => {
      begun.push(event);
      return { data: { event } };
    },
    createFakeClock(),
    () => undefined,
    () => new Promise((resolve) => due.push(resolve)),
    () => undefined,
  );
  const woken: number[] = [];
  for (const event of numbers(0, 3)) {
    const entry = payloads.get(String(event), event);
    expect(entry.payload).toBeNull();
    entry.waiting = [() => woken.push(event)];
  }
  payloads.forget((event) => event === 1);
  for (const next of due.splice(0, 2)) next();
  await new Promise(setImmediate);
  expect([begun, woken]).toEqual([
    [0, 1],
    [0, 1],
  ]);
  payloads.close();
  for (const next of due) next();
  await new Promise(setImmediate);
  expect(begun).toEqual([0, 1]);
});
