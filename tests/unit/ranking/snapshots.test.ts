import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { RankedRoom, Snapshot } from '../../../src/presence/presence-store.js';
import { createSnapshots } from '../../../src/ranking/snapshots.js';
import { createManualClock } from '../../testkit/manual-clock.js';

const room = (roomId: string, recentVisitorCount: number): RankedRoom => ({
  roomId,
  recentVisitorCount,
  onlineCount: 0,
  messageCount: 0,
});
const snapshot = (revision: number, ...rooms: RankedRoom[]): Snapshot => ({
  epoch: 'e',
  revision,
  rooms,
  total: rooms.length,
});

function start() {
  const clock = createManualClock();
  const asked: number[] = [];
  const errors: string[] = [];
  let answer = (): Promise<Snapshot | null> => Promise.resolve(null);
  const snapshots = createSnapshots({
    clock,
    log: { error: (_, message) => void errors.push(message) },
    store: {
      snapshot: (_, revision) => {
        asked.push(revision);
        return answer();
      },
    },
  });
  return { clock, asked, errors, snapshots, answers: (next: typeof answer) => void (answer = next) };
}

describe('who needs the newest snapshot', () => {
  it('waits for the first one, and leaves nothing behind', async () => {
    const { snapshots } = start();
    const { signal } = new AbortController();
    const waiting = [snapshots.ready(signal), snapshots.ready(signal)];
    snapshots.adopt(snapshot(1));
    expect(await Promise.all(waiting)).toEqual([snapshot(1), snapshot(1)]);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    snapshots.adopt(snapshot(2));
    expect(await snapshots.ready(AbortSignal.abort())).toBe(snapshots.newest());
    expect(snapshots.newest()).toEqual(snapshot(2));
  });

  it('is told UNAVAILABLE when its time ends first, or has ended', async () => {
    const { snapshots } = start();
    const controller = new AbortController();
    const waiting = snapshots.ready(controller.signal);
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(snapshots.ready(AbortSignal.abort())).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });
});

describe('a snapshot of before', () => {
  it('is read once for all that ask at once, and then at hand', async () => {
    const { snapshots, asked, answers } = start();
    const old = { epoch: 'e', revision: 7 };
    answers(() => Promise.resolve(snapshot(7)));
    expect(await Promise.all([snapshots.fetch(old), snapshots.fetch(old)])).toEqual([
      snapshot(7),
      snapshot(7),
    ]);
    expect(asked).toEqual([7]);
    expect(snapshots.get(old)).toEqual(snapshot(7));
    expect(snapshots.get({ ...old, epoch: 'other' })).toBeUndefined();
  });

  it('is asked for again when it was not there, or the store was away', async () => {
    const { snapshots, asked, answers } = start();
    const old = { epoch: 'e', revision: 7 };
    expect(await snapshots.fetch(old)).toBeNull();
    answers(() => Promise.reject(new Error('away')));
    await expect(snapshots.fetch(old)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    answers(() => Promise.resolve(snapshot(7)));
    expect(await snapshots.fetch(old)).toEqual(snapshot(7));
    expect(asked).toEqual([7, 7, 7]);
  });

  it('is kept for two minutes of them, and shares the rooms that did not change', () => {
    const { snapshots } = start();
    for (let revision = 1; revision <= 151; revision += 1) {
      snapshots.adopt(snapshot(revision, room('a', 1), room('b', revision)));
    }
    const at = (revision: number) => snapshots.get({ epoch: 'e', revision });
    expect(at(1)).toBeUndefined();
    expect(at(2)?.rooms[0]).toBe(at(151)?.rooms[0]);
    expect([at(2)?.rooms[1], at(151)?.rooms[1]]).toEqual([room('b', 2), room('b', 151)]);
  });
});

describe('the newest snapshot', () => {
  it('is told to each who follows until it ends that, with its rooms and when it came', async () => {
    const { snapshots, clock } = start();
    const told: number[] = [];
    const tell = (): void => void told.push(snapshots.newest()?.revision ?? 0);
    const [end, endOther] = [snapshots.onAdvance(tell), snapshots.onAdvance(tell)];
    await clock.advance(5);
    snapshots.adopt(snapshot(1, room('a', 1)));
    expect([snapshots.adoptedAt(), snapshots.room('a'), snapshots.room('b')]).toEqual([
      5,
      room('a', 1),
      undefined,
    ]);
    end();
    snapshots.adopt(snapshot(2, room('b', 1)));
    endOther();
    snapshots.adopt(snapshot(3));
    expect(told).toEqual([1, 1, 2]);
    expect([snapshots.room('a'), snapshots.room('b')]).toEqual([undefined, undefined]);
  });

  it('is told to the others too when one who follows fails', () => {
    const { snapshots, errors } = start();
    const told: number[] = [];
    snapshots.onAdvance(() => {
      throw new Error('broken');
    });
    snapshots.onAdvance(() => told.push(snapshots.newest()?.revision ?? 0));
    snapshots.adopt(snapshot(1));
    expect(told).toEqual([1]);
    expect(errors).toEqual(['snapshots: a listener failed']);
  });
});
