import { createStore, delMany, entries, set } from 'idb-keyval';
import { isObject } from './request-error.js';

/** A message on its way. */
export interface OutboxEntry {
  /** Its idempotency key: made once, sent with every try. */
  readonly key: string;
  readonly roomId: string;
  readonly text: string;
  /** When it was written, in milliseconds since the Unix epoch. For display, and for the order after a reload. */
  readonly writtenAt: number;
  /** The visitor it was first tried as; null while it was never tried. */
  readonly visitorId: string | null;
  /** Why it was not sent: it waits for `retry`. Null while it is on its way. */
  readonly failure: { readonly code: string; readonly message: string } | null;
  /** Its number in the room once it is acknowledged; such entries are not stored. */
  readonly number: number | null;
}

/** Where unsent messages survive a reload. Every method may fail; the outbox then goes on from memory. */
export interface OutboxStore {
  /** All entries, in any order; what is no entry is left out. */
  all(): Promise<readonly OutboxEntry[]>;
  /** Stores an entry under its key, in place of an earlier one. */
  put(entry: OutboxEntry): Promise<void>;
  /** Removes an entry; one that is not there is fine. */
  remove(key: string): Promise<void>;
}

/** Keeps the outbox in IndexedDB, in a database of this name. */
export function createIndexedDbOutboxStore(databaseName: string): OutboxStore {
  const database = createStore(databaseName, 'outbox');
  return {
    all: async () => (await entries<string, unknown>(database)).map(([, value]) => value).filter(isEntry),
    // Where the browser forbids storage, to ask for it throws at once.
    put: async (entry) => set(entry.key, entry, database),
    remove: async (key) => delMany([key], database),
  };
}

/** Keeps the outbox for as long as the page lives. */
export function createMemoryOutboxStore(): OutboxStore {
  const held = new Map<string, OutboxEntry>();
  return {
    all: () => Promise.resolve([...held.values()]),
    put: async (entry) => void held.set(entry.key, entry),
    remove: async (key) => void held.delete(key),
  };
}

function isEntry(value: unknown): value is OutboxEntry {
  if (!isObject(value)) return false;
  const { key, roomId, text, writtenAt, visitorId, failure, number } = value;
  return (
    typeof key === 'string' &&
    typeof roomId === 'string' &&
    typeof text === 'string' &&
    Number.isFinite(new Date(Number(writtenAt)).getTime()) &&
    typeof writtenAt === 'number' &&
    (visitorId === null || typeof visitorId === 'string') &&
    (failure === null || (isObject(failure) && 'message' in failure && 'code' in failure)) &&
    number === null
  );
}
