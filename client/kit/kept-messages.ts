import { createStore, delMany, entries, get, set } from 'idb-keyval';
import type { FollowedMessageFragment } from './__generated__/operations.js';
import { isObject } from './request-error.js';

/** So many messages of a room are kept, the newest. */
const MESSAGES_KEPT = 50;
/** So many rooms are, those read last. */
const ROOMS_KEPT = 30;

/** What was last read of the rooms, for a start without a network. Every method may fail; nothing depends on it. */
export interface KeptMessages {
  /** The messages kept of a room, oldest first; none when there are none, or something else. */
  read(roomId: string): Promise<readonly FollowedMessageFragment[]>;
  /** Keeps the newest of these in place of what was kept of the room. */
  write(roomId: string, messages: readonly FollowedMessageFragment[]): Promise<void>;
}

/** Keeps them in IndexedDB, in a database of this name. */
export function createIndexedDbKeptMessages(databaseName: string): KeptMessages {
  const database = createStore(databaseName, 'messages');

  async function forgetOld(): Promise<void> {
    const all = await entries<string, unknown>(database);
    const age = ([, kept]: [string, unknown]) =>
      isObject(kept) && typeof kept['keptAt'] === 'number' ? kept['keptAt'] : 0;
    const old = all.sort((a, b) => age(b) - age(a)).slice(ROOMS_KEPT);
    if (old.length > 0)
      await delMany(
        old.map(([roomId]) => roomId),
        database,
      );
  }

  return {
    async read(roomId) {
      const kept = await get<unknown>(roomId, database);
      const messages = isObject(kept) ? kept['messages'] : null;
      return Array.isArray(messages) && messages.every(isMessage) ? messages : [];
    },
    async write(roomId, messages) {
      await set(roomId, { keptAt: Date.now(), messages: messages.slice(-MESSAGES_KEPT) }, database);
      await forgetOld();
    },
  };
}

function isMessage(value: unknown): value is FollowedMessageFragment {
  if (!isObject(value) || !isObject(value['author'])) return false;
  const { id, number, text, createdAt, idempotencyKey, author } = value;
  return (
    [id, text, createdAt, author['id'], author['displayName']].every((part) => typeof part === 'string') &&
    Number.isFinite(Date.parse(String(createdAt))) &&
    Number.isSafeInteger(number) &&
    (idempotencyKey === null || typeof idempotencyKey === 'string')
  );
}
