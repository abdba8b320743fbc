import { expect, it } from 'vitest';
import { createPump, type Worker } from '../../../src/graphql/shared/pump.ts';
import { createManualTime } from './kit/world.ts';

/** Workers that note what they did in each turn: `a 3` is three pieces of work of `a`. */
function world() {
  const { nextTurn, turn } = createManualTime();
  let asked = 0;
  let done: string[] = [];
  const pump = createPump((callback) => {
    asked += 1;
    nextTurn(callback);
  });
  return {
    pump,
    asked: () => asked,
    worker(name: string, pieces: number, atOnce = pieces): Worker {
      let left = pieces;
      const worker: Worker = {
        work(budget) {
          const count = Math.min(budget, left, atOnce);
          left -= count;
          done.push(`${name} ${count}`);
          if (left > 0) pump.add(worker);
          return count;
        },
      };
      return worker;
    },
    /** What is done in the next turn. */
    turn(): readonly string[] {
      done = [];
      turn();
      return done;
    },
  };
}

it('a turn does 250 pieces of work in all, and who had none of them comes first in the next', () => {
  const { pump, worker, turn } = world();
  for (const each of [worker('a', 300), worker('b', 40), worker('c', 1)]) pump.add(each);
  expect(turn()).toEqual(['a 250']);
  expect(turn()).toEqual(['b 40', 'c 1', 'a 50']);
  expect(turn()).toEqual([]);
  for (const each of [worker('d', 250), worker('e', 1)]) pump.add(each);
  expect(turn()).toEqual(['d 250']);
  expect(turn()).toEqual(['e 1']);
});

it('who has work for ever keeps nobody waiting for more than a turn', () => {
  const { pump, worker, turn } = world();
  pump.add(worker('a', 10_000));
  expect(turn()).toEqual(['a 250']);
  pump.add(worker('b', 200));
  pump.add(worker('c', 100));
  expect(turn()).toEqual(['a 250']);
  expect(turn().slice(0, 2)).toEqual(['b 200', 'c 50']);
});

it('a turn is asked for while there is work, once however many have some', () => {
  const { pump, worker, turn, asked } = world();
  const a = worker('a', 251);
  pump.add(a);
  pump.add(a);
  pump.add(worker('b', 1));
  expect(asked()).toBe(1);
  turn();
  expect(asked()).toBe(2);
  expect(turn()).toEqual(['b 1', 'a 1']);
  expect(asked()).toBe(2);
  pump.add(worker('c', 1));
  expect(asked()).toBe(3);
  expect(turn()).toEqual(['c 1']);
});

it('who has more to do later does it in another turn, however little there is to do in this one', () => {
  const { pump, worker, turn } = world();
  pump.add(worker('a', 3, 1));
  pump.add(worker('b', 2, 1));
  expect(turn()).toEqual(['a 1', 'b 1']);
  expect(turn()).toEqual(['a 1', 'b 1']);
  expect(turn()).toEqual(['a 1']);
});
