import { expect, it } from 'vitest';
import { createTurnShare } from '../../../src/lib/turn-share.ts';

/** Turns in the test's hands; `begun` is who has begun something, and how often. */
function createTurns(least = 0) {
  let due: (() => void)[] = [];
  const share = createTurnShare({ limit: 100, least, nextTurn: (callback) => void due.push(callback) });
  const begun: string[] = [];
  return {
    share,
    begun,
    pending: () => due.length,
    take(caller: string, cost: number, instead?: string) {
      const begin = () => void begun.push(`${caller} ${cost}`);
      if (share.takes(caller, cost, instead)) begin();
      else void share.wait(caller, () => cost).then(begin);
    },
    /** The next turn; gives what began in it. */
    async turn() {
      begun.length = 0;
      for (const callback of due.splice(0)) callback();
      await new Promise((resolve) => setImmediate(resolve));
      return [...begun];
    },
  };
}

it('lets each caller begin so much in a turn, and the rest in the order in which it came', async () => {
  const { begun, take, turn } = createTurns();
  for (const cost of [60, 40, 1, 99, 5]) take('a', cost);
  take('b', 100);
  take('b', 1);
  expect(begun).toEqual(['a 60', 'a 40', 'b 100']);
  expect(await turn()).toEqual(['a 1', 'a 99', 'b 1']);
  expect(await turn()).toEqual(['a 5']);
});

it('lets nobody come before one who waits, however little that one takes', async () => {
  const { begun, take, turn } = createTurns();
  for (const cost of [90, 90, 1]) take('a', cost);
  expect(begun).toEqual(['a 90']);
  expect(await turn()).toEqual(['a 90', 'a 1']);
});

it('lets what costs more than a turn may begin alone', async () => {
  const { begun, take, turn } = createTurns();
  for (const cost of [1, 500, 500, 1]) take('a', cost);
  expect(begun).toEqual(['a 1']);
  expect([await turn(), await turn(), await turn()]).toEqual([['a 500'], ['a 500'], ['a 1']]);
});

it('takes of another where that one may begin at once, and lets the caller wait where none may', async () => {
  const { begun, take, turn } = createTurns();
  take('a', 100);
  take('a', 60, 'b');
  take('a', 50, 'b');
  take('b', 50);
  take('a', 10, 'a');
  expect(begun).toEqual(['a 100', 'a 60']);
  expect(await turn()).toEqual(['a 50', 'a 10', 'b 50']);
});

it('counts nothing that costs less than the least', async () => {
  const { begun, take, turn } = createTurns(10);
  for (const cost of [95, 9, 10, 9]) take('a', cost);
  expect(begun).toEqual(['a 95', 'a 9', 'a 9']);
  expect(await turn()).toEqual(['a 10']);
});

it('keeps nothing of who has had all, and needs no turn then', async () => {
  const { begun, pending, take, turn } = createTurns();
  take('a', 100);
  expect(pending()).toBe(1);
  await turn();
  await turn();
  expect(pending()).toBe(0);
  take('a', 100);
  expect(begun).toEqual(['a 100']);
});

it('keeps the order of a long line, also of those who come while it is worked off', async () => {
  const { take, turn } = createTurns();
  const line = Array.from({ length: 10_000 }, (_, place) => 1 + (place % 9));
  const taken: string[] = [];
  for (const cost of [100, ...line]) take('a', cost);
  for (let turns = 0; turns < 600; turns += 1) {
    taken.push(...(await turn()));
    if (turns === 300) take('a', 77);
  }
  expect(taken).toEqual([...line, 77].map((cost) => `a ${cost}`));
});

it('asks what costs how much when it is next in line: what nobody waits for any more takes no turn', async () => {
  const { begun, share, take, turn } = createTurns();
  const costs = new Map([
    ['a', 100],
    ['b', 100],
    ['c', 100],
  ]);
  take('x', 100);
  for (const name of costs.keys()) {
    void share.wait('x', () => costs.get(name) ?? 0).then(() => begun.push(name));
  }
  take('x', 1);
  costs.delete('a');
  costs.delete('b');
  expect(await turn()).toEqual(['a', 'b', 'c']);
  expect(await turn()).toEqual(['x 1']);
});
