import { expect, it } from 'vitest';
import { createBatches } from '../../../src/graphql/shared/batch.ts';
import { createMember } from '../../../src/graphql/shared/member.ts';
import { createPayloads } from '../../../src/graphql/shared/payloads.ts';
import { createFakeClock } from '../../testkit/log/fake-clock.js';

const ENVELOPE_BYTES = Buffer.byteLength(JSON.stringify({ data: '' }));
const READ = 64;

/** Batches of numbered events, whose results have so many bytes; those that are late come when they are answered. */
function world(bytes: number, isLate: (event: number) => boolean) {
  const begun: number[] = [];
  const answers: (() => void)[] = [];
  const woken: unknown[] = [];
  const payloads = createPayloads(
    (event) => {
      begun.push(event as number);
      const result = { data: 'x'.repeat(bytes - ENVELOPE_BYTES) as never };
      return isLate(event as number) ? new Promise((resolve) => answers.push(() => resolve(result))) : result;
    },
    createFakeClock(),
    () => undefined,
    () => null,
    () => undefined,
  );
  const batches = createBatches<number>(payloads, (member) => woken.push(member));
  const member = createMember({ overhead: 40, outlet: {} as never }, 0, { leave: () => undefined });
  const read = (first: number) =>
    Array.from({ length: READ }, (_, index) => first + index).map((event) => ({
      identity: String(event),
      event,
      position: event,
    }));
  return {
    begun,
    woken,
    member,
    prepare: (first: number) => batches.prepare(read(first)),
    sent: (first: number) => batches.for(member, read(first)).payloads.length,
    async answer(): Promise<void> {
      for (const one of answers.splice(0)) one();
      await new Promise(setImmediate);
    },
  };
}

it('what is read is begun, all of it where results are small', async () => {
  const { begun, woken, member, sent, answer } = world(300, () => true);
  expect(sent(1)).toBe(0);
  // How large they are is not known at first.
  expect(begun).toHaveLength(8);
  await answer();
  expect(woken).toEqual([member]);
  expect(sent(1)).toBe(8);
  member.held = null;
  expect(sent(9)).toBe(0);
  expect(begun).toHaveLength(8 + READ);
});

it('of large results no more are begun ahead than one write may carry, whoever begins them', async () => {
  const { begun, member, sent, prepare, answer } = world(10_000, () => true);
  expect(prepare(1)).toBe(false);
  expect(begun).toHaveLength(9);
  await answer();
  expect(prepare(1)).toBe(true);
  expect(sent(1)).toBe(4);
  member.held = null;
  expect(sent(101)).toBe(0);
  expect(begun.filter((event) => event > 100)).toHaveLength(5);
  await answer();
  member.held = null;
  expect(prepare(201)).toBe(false);
  expect(begun.filter((event) => event > 200)).toHaveLength(5);
});

it('behind one that is late those are begun that fit beside what is sent before it', () => {
  const { begun, sent } = world(10_000, (event) => event > 2);
  expect(sent(1)).toBe(2);
  expect(begun).toEqual([1, 2, 3, 4, 5]);
});

it('one that is larger than a write is begun and sent alone', async () => {
  const { begun, sent, answer } = world(100_000, (event) => event === 1);
  expect(sent(1)).toBe(0);
  await answer();
  expect(sent(1)).toBe(1);
  expect(begun.length).toBeLessThan(10);
});
