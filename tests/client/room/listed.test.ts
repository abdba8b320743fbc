import { describe, expect, it } from 'vitest';
import type { OutboxEntry, RoomMessage } from '../../../client/kit/index.js';
import { listMessages } from '../../../client/src/room/listed.js';

const ME = { id: 'me', displayName: 'Me' };
const message = (number: number, part: Partial<RoomMessage> = {}): RoomMessage => ({
  id: `m${number}`,
  number,
  text: `text ${number}`,
  createdAt: '2026-01-01T12:00:00.000Z',
  idempotencyKey: null,
  author: { id: 'ana', displayName: 'Ana' },
  ...part,
});
const unsent: OutboxEntry = {
  key: 'k',
  roomId: 'r',
  text: 'mine',
  writtenAt: Date.parse('2026-01-03T12:00:00.000Z'),
  visitorId: null,
  failure: null,
  number: null,
};

describe('listMessages', () => {
  it('keeps the place of a message when it is acknowledged', () => {
    const before = listMessages([], new Map(), [unsent], ME);
    const after = listMessages([message(1, { author: ME, idempotencyKey: 'k' })], new Map(), [], ME);
    expect(before[0]?.key).toBe(after[0]?.key);
    expect(before[0]?.delivery).toEqual({ key: 'k', failure: null });
    expect(after[0]?.delivery).toBeNull();
  });

  it('leaves a removed message, whose text is empty, in its place', () => {
    const messages = [message(1), message(2, { text: '' }), message(3)];
    const lines = listMessages(messages, new Map(), [], ME);
    expect(lines.map(({ number, text }) => [number, text])).toEqual([
      [1, 'text 1'],
      [2, ''],
      [3, 'text 3'],
    ]);
  });

  it('shows the newest name of an author on older messages', () => {
    const [line] = listMessages([message(1)], new Map([['ana', 'Ana Bell']]), [], ME);
    expect(line).toMatchObject({ authorName: 'Ana Bell', mine: false });
  });

  it('begins a day where the local day changes', () => {
    const messages = [message(1), message(2), message(3, { createdAt: '2026-01-02T12:00:00.000Z' })];
    const lines = listMessages(messages, new Map(), [unsent], ME);
    expect(lines.map(({ dayBegins }) => dayBegins)).toEqual([true, false, true, true]);
  });
});
