import { describe, expect, it, vi } from 'vitest';
import { unavailable } from '../../../src/lib/coded-error.js';
import { createVisitorNames } from '../../../src/transport/visitor-names.js';
import { createViewer, type Visitor } from '../../../src/visitors/visitor.js';

const named = (id: string, displayName: string): Visitor => ({ id, createdAt: new Date(0), displayName });

/** A store that answers when it is told to. */
function world() {
  const reads: { ids: readonly string[]; answer: () => void; fail: () => void }[] = [];
  const nameOf = createVisitorNames({
    visitors: {
      byIds: (ids) =>
        new Promise((resolve, reject) => {
          const stored = ids.filter((id) => !id.startsWith('unstored'));
          reads.push({
            ids,
            answer: () => resolve(new Map(stored.map((id) => [id, named(id, `name of ${id}`)]))),
            fail: () => reject(unavailable()),
          });
        }),
      unnamed: (id) => named(id, 'made up'),
    },
    deadline: () => new AbortController().signal,
  });
  return {
    reads,
    ask: (id: string) => nameOf(createViewer(id, 0)).then(({ displayName }) => displayName),
    read: (index: number) => vi.waitUntil(() => reads[index], { timeout: 20_000 }),
  };
}

describe('the names of those who connect', () => {
  it('are read together by those who ask while the store is being asked', async () => {
    const { ask, read, reads } = world();
    const first = ask('a');
    const one = await read(0);
    const others = [ask('b'), ask('unstored'), ask('b')];
    await Promise.resolve();
    expect(reads).toHaveLength(1);
    one.answer();
    expect(await first).toBe('name of a');
    const next = await read(1);
    expect(new Set(next.ids)).toEqual(new Set(['b', 'unstored']));
    next.answer();
    expect(await Promise.all(others)).toEqual(['name of b', 'made up', 'name of b']);
  });

  it('are made up while the store is away, and read again when it is back', async () => {
    const { ask, read } = world();
    const first = ask('a');
    const one = await read(0);
    const second = ask('b');
    one.fail();
    expect(await first).toBe('made up');
    (await read(1)).answer();
    expect(await second).toBe('name of b');
  });

  it('are read in parts of what a store takes', async () => {
    const { ask, read, reads } = world();
    const all = Array.from({ length: 450 }, (_, index) => ask(`v${index}`));
    for (let index = 0; index < 3; index += 1) (await read(index)).answer();
    expect((await Promise.all(all))[449]).toBe('name of v449');
    expect(reads.map(({ ids }) => ids.length)).toEqual([200, 200, 50]);
  });
});
