import type { OutboxEntry, RoomMessage, RoomState } from '../../kit/index.js';
import type { Delivery } from './Unsent.js';
import { dayKey } from './times.js';

/** One line of the list: what `Message` shows, and whether a day begins with it. */
export interface Listed {
  /** The same while a message is on its way and after it: nothing is taken away and put back. */
  readonly key: string;
  readonly authorId: string;
  readonly authorName: string;
  readonly text: string;
  readonly time: string | number;
  readonly mine: boolean;
  readonly delivery: Delivery | null;
  readonly dayBegins: boolean;
  /** Its place in the room; null while it has none. */
  readonly number: number | null;
}

interface Viewer {
  readonly id: string;
  readonly displayName: string;
}

/** The messages to show, then those of one's own that are not in the room's list yet. */
export function listMessages(
  messages: readonly RoomMessage[],
  names: RoomState['names'],
  unlisted: readonly OutboxEntry[],
  viewer: Viewer | null,
): readonly Listed[] {
  const lines = [
    ...messages.map(({ id, number, author, text, createdAt, idempotencyKey }) => ({
      key: idempotencyKey === null ? id : `${author.id}:${idempotencyKey}`,
      authorId: author.id,
      authorName: names.get(author.id) ?? author.displayName,
      text,
      time: createdAt,
      mine: author.id === viewer?.id,
      delivery: null,
      number,
    })),
    ...unlisted.map(({ key, text, writtenAt, failure, number }) => ({
      key: `${viewer?.id ?? ''}:${key}`,
      authorId: viewer?.id ?? '',
      authorName: viewer?.displayName ?? '',
      text: text.trim(),
      time: writtenAt,
      mine: true,
      delivery: number === null ? { key, failure } : null,
      number,
    })),
  ];
  let before = '';
  return lines.map((line) => {
    const key = dayKey(new Date(line.time));
    const dayBegins = key !== before;
    before = key;
    return { ...line, dayBegins };
  });
}
