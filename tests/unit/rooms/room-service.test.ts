import { describe, expect, it } from 'vitest';
import { systemIds } from '../../../src/lib/ids.js';
import { createMetrics } from '../../../src/lib/metrics.js';
import { createMemoryRateLimits } from '../../../src/limits/rate-limits.memory.js';
import { createRoomService } from '../../../src/rooms/room-service.js';
import type { CreatedRoom, RoomStore } from '../../../src/rooms/room-store.js';
import { createViewer } from '../../../src/visitors/visitor.js';
import { createManualClock } from '../../testkit/manual-clock.js';

const unused = () => Promise.reject(new Error('not used'));
const soon = (): AbortSignal => AbortSignal.timeout(10_000);

/** Rooms whose names another room has already. */
function createWorld(taken: CreatedRoom) {
  const clock = createManualClock();
  const told: string[] = [];
  const asked: string[] = [];
  const byNameKey = (key: string) => Promise.resolve(void asked.push(key)).then(() => null);
  const store = { create: () => Promise.resolve({ taken }), byIds: unused, byNameKey };
  const rooms = createRoomService({
    store: store as unknown as RoomStore,
    visitors: { ensure: () => Promise.resolve() },
    presence: {
      roomCreated: (roomId) => Promise.resolve(void told.push(`created ${roomId}`)),
      visit: (roomId, visitorId) => Promise.resolve(void told.push(`visit ${roomId} ${visitorId}`)),
    },
    limits: createMemoryRateLimits({
      factor: null,
      maxSocketsPerAddress: 50,
      metrics: createMetrics({ version: 'test' }),
    }),
    clock,
    ids: systemIds,
    maxRoomNameLength: 80,
  });
  return { rooms, told, asked };
}

describe('a room whose name is taken', () => {
  const viewer = createViewer('me', 0);
  const room = { id: 'room', name: 'Name', createdAt: new Date(0) };

  it('is announced when the caller itself made it: the answer to that may have been lost', async () => {
    const { rooms, told } = createWorld({ ...room, creatorId: 'me' });
    expect(await rooms.create(viewer, 'Name', soon())).toMatchObject({
      problems: [{ code: 'ROOM_NAME_TAKEN', existingRoomId: 'room' }],
    });
    expect(told).toEqual(['created room', 'visit room me']);
  });

  it('is not, when somebody else made it', async () => {
    const { rooms, told } = createWorld({ ...room, creatorId: 'other' });
    expect(await rooms.create(viewer, 'Name', soon())).toMatchObject({ ok: false });
    expect(told).toEqual([]);
  });
});

it('a name that no room can have had is not looked for; one that is too long for a new room is', async () => {
  const { rooms, asked } = createWorld({ id: 'room', name: 'Name', createdAt: new Date(0), creatorId: 'me' });
  for (const name of ['\u{1f600}'.repeat(200), ` ${'a'.repeat(81)} `]) await rooms.byName(name, soon());
  expect(asked).toHaveLength(2);
  for (const name of ['\u{1f600}'.repeat(201), '\ufdfa'.repeat(20_000)]) {
    expect(await rooms.byName(name, soon())).toBeNull();
  }
  expect(asked).toHaveLength(2);
});
