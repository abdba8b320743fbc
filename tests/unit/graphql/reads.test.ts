import { expect, it } from 'vitest';
import { createMember, type Member } from '../../../src/graphql/shared/member.ts';
import { createReads, type Deliveries } from '../../../src/graphql/shared/reads.ts';
import type { ReadOptions } from '../../../src/lib/followed.ts';

function world() {
  const asked: ({ position: number } & ReadOptions)[] = [];
  const answers: PromiseWithReject[] = [];
  const state = { late: false };
  const reads = createReads<number>({
    begin: () => Promise.resolve(0),
    read(position, options) {
      asked.push({ position, ...options });
      if (!state.late) return [];
      return new Promise<Deliveries<number>>((resolve, reject) => answers.push({ resolve, reject }));
    },
    onAdvance: () => () => undefined,
    close: () => undefined,
  });
  return { reads, asked, answers, state };
}

interface PromiseWithReject {
  readonly resolve: (answer: Deliveries<number>) => void;
  readonly reject: (error: Error) => void;
}

const member = (position: number, changes: Partial<Member<number>> = {}): Member<number> => ({
  ...createMember({ overhead: 0, outlet: {} as never }, position, { leave: () => undefined }),
  ...changes,
});

it('the source is asked once for all who stand at the same place, until it advances', () => {
  const { reads, asked } = world();
  const first = reads.read(member(1));
  expect(reads.read(member(1))).toBe(first);
  void reads.read(member(2));
  expect(asked.map(({ position }) => position)).toEqual([1, 2]);
  reads.clear();
  expect(reads.read(member(1))).not.toBe(first);
});

it('answers at 64 places are remembered', () => {
  const { reads, asked } = world();
  for (let round = 0; round < 2; round += 1) {
    for (let position = 1; position <= 64; position += 1) void reads.read(member(position));
  }
  expect(asked).toHaveLength(64);
  void reads.read(member(65));
  void reads.read(member(1));
  expect(asked).toHaveLength(66);
});

it('the source is asked apart for who may jump, and for who has not caught up yet', () => {
  const { reads, asked } = world();
  const kinds = [true, false].flatMap((replayed) => [true, false].map((mayJump) => ({ replayed, mayJump })));
  for (const kind of [...kinds, ...kinds]) void reads.read(member(1, kind));
  expect(asked).toEqual(kinds.map((kind) => ({ position: 1, limit: 64, ...kind })));
});

it('an answer that comes late is shared by who asks meanwhile, and whoever comes after it asks anew', async () => {
  const { reads, asked, answers, state } = world();
  state.late = true;
  const answer = reads.read(member(1));
  expect(reads.read(member(1))).toBe(answer);
  answers[0]?.resolve([]);
  await answer;
  const again = reads.read(member(1));
  expect(again).not.toBe(answer);
  answers[1]?.reject(new Error('broken'));
  await expect(again).rejects.toThrow('broken');
  void reads.read(member(1));
  expect(asked).toHaveLength(3);
});
