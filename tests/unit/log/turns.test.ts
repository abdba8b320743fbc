import { describe, expect, it } from 'vitest';
import { headOf } from '../../../src/log/known-head.js';
import { LOG_LIMITS } from '../../../src/log/log-limits.js';
import { createTurns } from '../../../src/log/turns.js';
import { createFakeClock } from '../../testkit/log/fake-clock.js';
import { note, type Note } from '../../testkit/log/log-world.js';

/** A first insert that took so long, of which a quarter counts, makes each turn last `TURN_MS`. */
const INSERT_MS = 40;
const TURN_MS = 20;

/** The turns of one writer, whose head stands at `number` (null: it is not known), and which knows others by names. */
function createWriter({
  number = 7,
  chance = 0.5,
  hearsOthers = true,
}: { number?: number | null; chance?: number; hearsOthers?: boolean } = {}) {
  const clock = createFakeClock();
  const state = { number, hearsOthers };
  const turns = createTurns<Note>({
    head: {
      get: () => (state.number === null ? null : headOf({ ...note('head'), number: state.number })),
      highest: () => null,
      proven: () => undefined,
      extend: () => undefined,
      forget: () => undefined,
    },
    clock,
    chance: () => chance,
    limits: { ...LOG_LIMITS, maxReplayed: 1000 },
    hearsOthers: () => state.hearsOthers,
  });
  let heard = 0;

  return {
    clock,
    state,
    turns,
    /** The next insert of others is heard of. */
    hear: (...writers: readonly string[]) => {
      for (const writer of writers) turns.heard(writer, (heard += 1));
    },
    /** For how many milliseconds it waits, and what it is told; `then`: what happens after some of them. */
    async waits<Value>(work: Promise<Value>, then: Readonly<Record<number, () => void>> = {}) {
      const done: Value[] = [];
      void work.then((value) => done.push(value));
      for (let ms = 0; ms < 10_000; ms += 1) {
        await clock.pass(0);
        if (done.length > 0) return { ms, value: done[0] };
        then[ms]?.();
        await clock.pass(0);
        if (done.length > 0) return { ms, value: done[0] };
        await clock.pass(1);
      }
      throw new Error('Its turn never came.');
    },
  };
}

const named = (count: number): readonly string[] => Array.from({ length: count }, (_, index) => `w${index}`);

describe('the turn of a writer', () => {
  /** One that stored something after these others. */
  async function behind(others: readonly string[]) {
    const writer = createWriter();
    writer.hear(...others);
    await writer.clock.pass(1);
    writer.turns.stored(INSERT_MS);
    return writer;
  }

  it('is at once for who has stored nothing yet, and for who does not know where the log ends', async () => {
    const { hear, turns, waits } = createWriter();
    hear('other');
    expect(await waits(turns.mine())).toMatchObject({ ms: 0 });

    const unsure = await behind(['other']);
    unsure.state.number = null;
    expect(await unsure.waits(unsure.turns.mine())).toMatchObject({ ms: 0 });
  });

  it.each([1, 2, 16])('comes after those of %i others, each as long as two inserts', async (count) => {
    const { turns, waits } = await behind(named(count));
    expect(await waits(turns.mine())).toMatchObject({ ms: count * TURN_MS });
    // Who let its turn pass is not waited for again.
    expect(await waits(turns.mine())).toMatchObject({ ms: 0 });
  });

  it('is not kept by more others than can be told apart', async () => {
    const { turns, waits } = await behind(named(20));
    expect(await waits(turns.mine())).toMatchObject({ ms: 16 * TURN_MS });
  });

  it('comes as soon as all before it were heard of, and the time of those left begins anew with each', async () => {
    const one = await behind(['other']);
    expect(await one.waits(one.turns.mine(), { 3: () => one.hear('other') })).toMatchObject({ ms: 3 });

    const two = await behind(['a', 'b']);
    expect(await two.waits(two.turns.mine(), { 3: () => two.hear('a') })).toMatchObject({ ms: 3 + TURN_MS });

    const many = await behind(named(16));
    expect(await many.waits(many.turns.mine(), { 3: () => many.hear('w0') })).toMatchObject({
      ms: 3 + 15 * TURN_MS,
    });
  });

  it('is not kept by what it stored itself, by a repeat, or by what comes late', async () => {
    const { clock, turns, waits } = await behind(['a', 'b']);
    await clock.pass(5);
    turns.heard('late', 1);
    turns.heard('b', 2);
    turns.heard(turns.name, 3);
    expect(await waits(turns.mine())).toMatchObject({ ms: 2 * TURN_MS - 5 });
  });

  it('passes over who did not write for a round of all', async () => {
    const round = 2 * TURN_MS;
    for (const [ago, ms] of [
      [round, TURN_MS],
      [round + 1, 0],
    ] as const) {
      const { clock, hear, turns, waits } = createWriter();
      hear('other');
      await clock.pass(ago);
      turns.stored(INSERT_MS);
      expect(await waits(turns.mine())).toMatchObject({ ms });
    }
  });

  it('is as long as inserts lately took, and never above its limit', async () => {
    for (const [inserts, ms] of [
      [[INSERT_MS, INSERT_MS], 35],
      [[INSERT_MS, 0], 15],
      [[4000], LOG_LIMITS.maxTurnMs],
    ] as const) {
      const { turns, waits } = await behind(['other']);
      // The first one was there already.
      for (const tookMs of inserts.length === 1 ? inserts : inserts.slice(1)) turns.stored(tookMs);
      expect(await waits(turns.mine())).toMatchObject({ ms });
    }
  });
});

describe('a writer that hears of nobody', () => {
  /** Which of so many inserts, one right after the other, had to wait. */
  async function waited({ turns, waits }: ReturnType<typeof createWriter>, inserts: number) {
    const those: number[] = [];
    for (let insert = 1; insert <= inserts; insert += 1) {
      if ((await waits(turns.mine())).ms > 0) those.push(insert);
      turns.stored(INSERT_MS);
    }
    return those;
  }

  /** One that has just stored something. */
  function writing() {
    const writer = createWriter();
    writer.turns.stored(INSERT_MS);
    return writer;
  }

  it('lets others go first now and then, ever more seldom while nobody comes', async () => {
    expect(await waited(writing(), 100)).toEqual([4, 12, 28, 60, 92]);
  });

  it('waits for no longer than its own turn', async () => {
    const { clock, turns, waits } = writing();
    for (let insert = 1; insert < 4; insert += 1) await waits(turns.mine());
    await clock.pass(5);
    expect(await waits(turns.mine())).toMatchObject({ ms: TURN_MS - 5 });
  });

  it('has let others go first when it paused, or when one of them wrote', async () => {
    const paused = writing();
    expect(await waited(paused, 3)).toEqual([]);
    await paused.clock.pass(1000);
    expect(await waited(paused, 5)).toEqual([5]);

    const heard = writing();
    expect(await waited(heard, 3)).toEqual([]);
    heard.hear('other');
    expect((await heard.waits(heard.turns.mine())).ms).toBe(0);
    await heard.clock.pass(1000);
    heard.turns.stored(INSERT_MS);
    expect(await waited(heard, 4)).toEqual([4]);
  });

  it('does so at once after others were faster, until it waited in vain', async () => {
    const writer = writing();
    await writer.waits(writer.turns.lost(6));
    writer.turns.stored(INSERT_MS);
    expect(await waited(writer, 10)).toEqual([1, 9]);
  });

  it('goes on as soon as one of them wrote, and is as attentive as at first', async () => {
    const writer = writing();
    expect(await waited(writer, 11)).toEqual([4]);
    expect(await writer.waits(writer.turns.mine(), { 3: () => writer.hear('other') })).toMatchObject({
      ms: 3,
    });
    // That one is gone.
    await writer.clock.pass(1000);
    writer.turns.stored(INSERT_MS);
    expect(await waited(writer, 10)).toEqual([1, 9]);
  });
});

describe('a number that somebody else took', () => {
  it('is waited for until that is heard, and no longer than a few milliseconds', async () => {
    const heard = createWriter();
    const come = () => {
      heard.state.number = 8;
      heard.turns.heard('other', 8);
    };
    expect(await heard.waits(heard.turns.lost(7), { 2: come })).toEqual({ ms: 2, value: true });
    expect(heard.clock.pending()).toBe(0);
    // It was heard of before.
    expect(await heard.waits(heard.turns.lost(7))).toEqual({ ms: 0, value: true });

    expect(await heard.waits(heard.turns.lost(8))).toEqual({ ms: LOG_LIMITS.conflictNewsMs, value: false });
  });

  it('is not waited for where nobody tells: it pauses by chance, less each time, until it stored something', async () => {
    const { turns, waits } = createWriter({ hearsOthers: false });
    expect(await waits(turns.lost(6))).toEqual({ ms: 2, value: true });
    expect(await waits(turns.lost(7))).toEqual({ ms: 1, value: false });
    turns.stored(INSERT_MS);
    expect((await waits(turns.lost(7))).ms).toBe(2);
  });

  it('is behind a head that is not known', async () => {
    const { turns, waits } = createWriter({ number: null });
    expect((await waits(turns.lost(0))).value).toBe(false);
  });
});

it('a writer has a name of eight digits', () => {
  const nameAt = (chance: number) => createWriter({ chance }).turns.name;
  expect([nameAt(0), nameAt(2 ** -32), nameAt(1 - 2 ** -32)]).toEqual(['00000000', '00000001', 'ffffffff']);
});
