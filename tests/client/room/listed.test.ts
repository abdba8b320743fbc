import { describe, expect, it } from 'vitest';
import type { OutboxEntry, RoomMessage } from '../../../client/kit/index.js';
import { lineOf, listItems, timeOf } from '../../../client/src/room/listed.js';
import { message } from './message.js';

const ME = { id: 'me', displayName: 'Me' };
const unsent: OutboxEntry = {
  key: 'k',
  roomId: 'r',
  text: 'mine',
  writtenAt: Date.parse('2026-01-03T12:00:00.000Z'),
  visitorId: null,
  failure: null,
  number: null,
};

/** Every line of a list. */
function linesOf(
  messages: readonly RoomMessage[],
  names: ReadonlyMap<string, string> = new Map(),
  unlisted: readonly OutboxEntry[] = [],
) {
  const items = listItems(messages, unlisted);
  return items.map((item, index) => {
    const before = items[index - 1];
    return lineOf(item, before === undefined ? null : timeOf(before), names, ME);
  });
}

describe('the lines of a list', () => {
  it('have the same anchor while a message is on its way and after it', () => {
    const before = linesOf([], new Map(), [unsent]);
    const after = linesOf([message(1, { author: ME, idempotencyKey: 'k' })]);
    expect(before[0]?.anchor).toBe(after[0]?.anchor);
    expect(before[0]?.delivery).toEqual({ key: 'k', failure: null });
    expect(after[0]?.delivery).toBeNull();
  });

  it('leave a removed message, whose text is empty, in its place', () => {
    const messages = [message(1), message(2, { text: '' }), message(3)];
    const lines = linesOf(messages);
    expect(lines.map(({ number, text }) => [number, text])).toEqual([
      [1, 'text 1'],
      [2, ''],
      [3, 'text 3'],
    ]);
  });

  it('show the newest name of an author on older messages', () => {
    const [line] = linesOf([message(1)], new Map([['ana', 'Ana Bell']]));
    expect(line).toMatchObject({ authorName: 'Ana Bell', mine: false });
  });

  it('begin a day where the local day changes', () => {
    const messages = [message(1), message(2), message(3, { createdAt: '2026-01-02T12:00:00.000Z' })];
    const lines = linesOf(messages, new Map(), [unsent]);
    expect(lines.map(({ dayBegins }) => dayBegins)).toEqual([true, false, true, true]);
  });
});
