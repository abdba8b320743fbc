import { systemEnvironment, type Environment, type KeyValueStorage } from './environment.js';
import { forgivingStorage } from './forgiving-storage.js';
import { createStore, type Readable } from './store.js';

const STORAGE_KEY = 'madang.read';
/** So many rooms are remembered, those read last. */
const ROOMS_KEPT = 500;
/** Reading fifty messages a second must not write to disk fifty times. */
const WRITE_DELAY_MS = 500;

/** Remembers, per room, the number of the last message read. The server knows nothing of it. */
export type Unread = ReturnType<typeof createUnread>;

export function createUnread({
  environment = systemEnvironment,
  ...options
}: {
  storage: KeyValueStorage;
  environment?: Environment;
}) {
  const storage = forgivingStorage(options.storage);
  const lastRead = createStore<ReadonlyMap<string, number>>(read());
  let cancelWrite: (() => void) | null = null;

  function read(): ReadonlyMap<string, number> {
    try {
      const stored: unknown = JSON.parse(storage.get(STORAGE_KEY) ?? '[]');
      return new Map(Array.isArray(stored) ? stored.filter(isPosition) : []);
    } catch {
      return new Map();
    }
  }

  function merge(newer: ReadonlyMap<string, number>): void {
    const merged = new Map(newer);
    // Behind the others: what this page has read last goes last.
    for (const [roomId, number] of lastRead.get()) {
      const known = merged.get(roomId) ?? 0;
      merged.delete(roomId);
      merged.set(roomId, Math.max(number, known));
    }
    lastRead.set(new Map([...merged].slice(-ROOMS_KEPT)));
  }

  function flush(): void {
    if (cancelWrite === null) return;
    cancelWrite();
    cancelWrite = null;
    merge(read());
    storage.set(STORAGE_KEY, JSON.stringify([...lastRead.get()]));
  }

  return {
    lastRead: lastRead as Readable<ReadonlyMap<string, number>>,
    /** Everything up to `number` is read; it never goes back. */
    markRead(roomId: string, number: number): void {
      const before = lastRead.get();
      if ((before.get(roomId) ?? -1) >= number) return;
      const rest = [...before].filter(([id]) => id !== roomId);
      lastRead.set(new Map([...rest, [roomId, number] as const].slice(-ROOMS_KEPT)));
      cancelWrite ??= environment.after(WRITE_DELAY_MS, flush);
    },
    /** Takes in what another page of this visitor has read. */
    reload: () => merge(read()),
    /** Writes down now what waits to be written; for a page that goes. */
    flush,
  };
}

/** Unread messages of a room; none in a room that was never read. */
export function unreadCount(
  lastRead: ReadonlyMap<string, number>,
  roomId: string,
  messageCount: number,
): number {
  const read = lastRead.get(roomId);
  return read === undefined ? 0 : Math.max(0, messageCount - read);
}

function isPosition(value: unknown): value is [string, number] {
  return (
    Array.isArray(value) &&
    typeof value[0] === 'string' &&
    Number.isSafeInteger(value[1]) &&
    value.length === 2
  );
}
