import type { RoomMessage } from './room-state.js';

type Names = ReadonlyMap<string, string>;

/** The names with those of these messages; the same ones when they tell nothing new. */
export function withNames(known: Names, messages: readonly RoomMessage[]): Names {
  const news = messages.filter(({ author }) => known.get(author.id) !== author.displayName);
  return news.length === 0
    ? known
    : new Map([...known, ...news.map(({ author }) => [author.id, author.displayName] as const)]);
}

/** Of the names those of the authors of these messages. */
export function namesAmong(known: Names, messages: readonly RoomMessage[]): Names {
  return new Map(
    messages.map(({ author }) => [author.id, known.get(author.id) ?? author.displayName] as const),
  );
}
