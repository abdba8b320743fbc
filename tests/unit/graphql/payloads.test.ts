import { expect, it } from 'vitest';
import { createPayloads } from '../../../src/graphql/shared/payloads.ts';
import { createFakeClock } from '../../testkit/log/fake-clock.js';

const ENVELOPE_BYTES = Buffer.byteLength(JSON.stringify({ data: '' }));
const QUARTER = 262_144;
const MAX_BYTES = 4 * QUARTER;

/** Results of events, each of which is a number, in so many bytes. */
function world(bytesOf: (event: number) => number) {
  let executed: number[] = [];
  const payloads = createPayloads(
    (event) => {
      executed.push(event as number);
      return { data: 'x'.repeat(bytesOf(event as number) - ENVELOPE_BYTES) as never };
    },
    createFakeClock(),
    () => undefined,
    () => false,
  );
  return {
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
