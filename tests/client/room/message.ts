import type { RoomMessage } from '../../../client/kit/index.js';

/** A message of Ana's under this number. */
export const message = (number: number, part: Partial<RoomMessage> = {}): RoomMessage => ({
  id: `m${number}`,
  number,
  text: `text ${number}`,
  createdAt: '2026-01-01T12:00:00.000Z',
  idempotencyKey: null,
  author: { id: 'ana', displayName: 'Ana' },
  ...part,
});
