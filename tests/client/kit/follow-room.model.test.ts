import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { followRoom } from '../../../client/kit/index.js';
import { environmentWith } from './support/environment.js';
import { createFakeRoomServer } from './support/fake-room-server.js';

const count = (max: number) => fc.integer({ min: 0, max });
const share = fc.double({ min: 0, max: 1, noNaN: true });

/** What a reader does, what others write, and what befalls connection and log, in any order. */
const STEP = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('write' as const), count: count(40) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('write' as const), count: count(300) }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constantFrom('send' as const), count: count(200) }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constantFrom('keepOldest' as const, 'keepNewest'), count: count(250) }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constantFrom('loadOlder' as const, 'loadNewer') }) },
  { weight: 9, arbitrary: fc.record({ kind: fc.constantFrom('read' as const, 'answer') }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('refuse' as const, 'reconnect', 'wait') }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('restart' as const) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('drop' as const, 'restore'), share }) },
);
/** Longer than any wait. */
const WAIT_MS = 31_000;

describe('followRoom and a server whose answers come when they come', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('holds a run without a hole in the end up to the newest, of which all is read once in both directions', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(STEP, { minLength: 20, maxLength: 80 }), count(200), async (steps, start) => {
        const server = createFakeRoomServer();
        server.write(start);
        const environment = environmentWith(0.5);
        const room = followRoom({ connection: server.connection, roomId: 'r', environment });
        const numbers = () => room.state.get().messages.map(({ number }) => number);
        const holes: string[] = [];
        room.state.watch(() => {
          const held = numbers();
          held.forEach((number, index) => {
            if (number !== (held[0] ?? 0) + index) holes.push(`${held[index - 1]} ${number}`);
          });
        });
        for (const step of steps) {
          if (step.kind === 'write' || step.kind === 'send') server[step.kind](step.count);
          else if (step.kind === 'keepOldest' || step.kind === 'keepNewest') room[step.kind](step.count);
          else if (step.kind === 'drop' || step.kind === 'restore') server[step.kind](step.share);
          else if (step.kind === 'wait') await vi.advanceTimersByTimeAsync(WAIT_MS);
          else if (step.kind === 'refuse') server.read('UNAVAILABLE');
          else if (step.kind === 'restart' || step.kind === 'loadOlder' || step.kind === 'loadNewer')
            room[step.kind]();
          else server[step.kind]();
          await vi.advanceTimersByTimeAsync(0);
          expect(holes).toEqual([]);
        }
        const settle = async () => {
          for (let quiet = 0; quiet < 4; quiet = server.isIdle() ? quiet + 1 : 0) {
            server.read();
            server.answer();
            server.send(Infinity);
            await vi.advanceTimersByTimeAsync(WAIT_MS);
          }
        };
        await settle();
        const history = server.history();
        expect(room.state.get()).toMatchObject({ phase: 'ready', newest: history.at(-1)?.number ?? 0 });
        for (const [more, load] of [
          ['hasNewer', 'loadNewer'],
          ['hasOlder', 'loadOlder'],
        ] as const) {
          while (room.state.get()[more]) {
            room[load]();
            await settle();
          }
        }
        // What was dropped may be held still.
        expect(room.state.get().messages.slice(-history.length)).toEqual(history);
        expect(holes).toEqual([]);
        room.stop();
        expect(vi.getTimerCount()).toBe(0);
      }),
      { numRuns: 300 },
    );
  });
});
