import type { OutboxEntry, RoomMessage, RoomState } from '../../kit/index.js';
import type { Delivery } from './Unsent.js';
import { dayKey } from './times.js';

/** A message of the room, or one of one's own that is not in the room's list yet. */
export type Item = RoomMessage | OutboxEntry;

/** One line of the list: what `Message` shows, and whether a day begins with it. */
export interface Listed {
  /** `anchorOf` it. */
  readonly anchor: string;
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

export interface Viewer {
  readonly id: string;
  readonly displayName: string;
}

/** The messages to show, then those of one's own that are not in the room's list yet. */
export function listItems(
  messages: readonly RoomMessage[],
  unlisted: readonly OutboxEntry[],
): readonly Item[] {
  return unlisted.length === 0 ? messages : [...messages, ...unlisted];
}

/** What keeps a line apart from the others on the page: the same while a message is on its way and after it. */
export function anchorOf(item: Item, viewer: Viewer | null): string {
  if (!('author' in item)) return `${viewer?.id ?? ''}:${item.key}`;
  return item.idempotencyKey === null ? item.id : `${item.author.id}:${item.idempotencyKey}`;
}

/** When it was accepted, or written: RFC 3339, or milliseconds since the Unix epoch. */
export const timeOf = (item: Item): string | number => ('author' in item ? item.createdAt : item.writtenAt);

/**
 * What to show of one of them. Of thousands only those that are seen are asked for.
 *
 * @param timeBefore `timeOf` the one above it; null for the first one
 */
export function lineOf(
  item: Item,
  timeBefore: string | number | null,
  names: RoomState['names'],
  viewer: Viewer | null,
): Listed {
  const anchor = anchorOf(item, viewer);
  const time = timeOf(item);
  const dayBegins = timeBefore === null || dayKey(new Date(timeBefore)) !== dayKey(new Date(time));
  if ('author' in item) {
    const { number, author, text } = item;
    return {
      anchor,
      authorId: author.id,
      authorName: names.get(author.id) ?? author.displayName,
      text,
      time,
      mine: author.id === viewer?.id,
      delivery: null,
      dayBegins,
      number,
    };
  }
  const { key, text, failure, number } = item;
  return {
    anchor,
    authorId: viewer?.id ?? '',
    authorName: viewer?.displayName ?? '',
    text: text.trim(),
    time,
    mine: true,
    delivery: number === null ? { key, failure } : null,
    dayBegins,
    number,
  };
}
