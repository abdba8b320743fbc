import { createBackoff } from './backoff.js';
import { sendMessage } from './documents.js';
import { systemEnvironment, type Environment } from './environment.js';
import type { OutboxEntry, OutboxStore } from './outbox-store.js';
import { remedyFor, RequestError, throwUserError, toRequestError } from './request-error.js';
import type { Socket } from './socket.js';
import { createStore, type Readable } from './store.js';

/** The failure of a message whose outcome is unknown after a fresh guest took the place of its sender. */
export const VISITOR_CHANGED = 'VISITOR_CHANGED';
/** Acknowledged entries kept for a list that has not shown them yet. */
const ACKNOWLEDGED_KEPT = 100;
/** A store that has not answered after so many milliseconds holds up no message. */
const STORE_LIMIT_MS = 2000;
/** A frame of more than 64 KiB ends the connection for good, and the text has to share it. */
const LONGEST_TEXT_BYTES = 60_000;
const NONE: readonly OutboxEntry[] = [];

/**
 * Sends messages: each under one idempotency key, one at a time per room and in the order they were written, tried
 * until the server acknowledges or refuses it, kept over a reload. A refused one waits for `retry` and holds up
 * none behind it. One that was tried as another visitor may have been stored, and the key is no help there, so it
 * waits too.
 */
export type Outbox = ReturnType<typeof createOutbox>;

export function createOutbox({
  connection,
  store,
  makeKey,
  environment = systemEnvironment,
}: {
  connection: Pick<Socket, 'state' | 'visitorId' | 'executeOnce'>;
  store: OutboxStore;
  /** Makes an idempotency key, best a UUID. */
  makeKey: () => string;
  environment?: Environment;
}) {
  const entries = createStore<readonly OutboxEntry[]>([]);
  const pauses = createStore<ReadonlyMap<string, number>>(new Map());
  /** Rooms with a message on its way. */
  const pumping = new Set<string>();
  const stopping = new AbortController();

  function set(next: OutboxEntry): Promise<void> {
    entries.set(entries.get().map((entry) => (entry.key === next.key ? next : entry)));
    return new Promise((resolve) => {
      const cancel = environment.after(STORE_LIMIT_MS, resolve);
      const done = () => {
        cancel();
        resolve();
      };
      void store
        .put(next)
        .catch(() => {})
        .finally(done);
    });
  }

  function remove(key: string): void {
    entries.set(entries.get().filter((entry) => entry.key !== key));
    store.remove(key).catch(() => {});
  }

  function acknowledge(key: string, number: number): void {
    const next = entries.get().map((entry) => (entry.key === key ? { ...entry, number } : entry));
    const surplus = next.filter((entry) => entry.number !== null).slice(0, -ACKNOWLEDGED_KEPT);
    entries.set(next.filter((entry) => !surplus.includes(entry)));
    store.remove(key).catch(() => {});
  }

  const find = (key: string) => entries.get().find((entry) => entry.key === key);
  const nextOf = (roomId: string) =>
    entries.get().find((entry) => entry.roomId === roomId && entry.number === null && entry.failure === null);

  async function pump(roomId: string): Promise<void> {
    if (pumping.has(roomId)) return;
    pumping.add(roomId);
    const backoff = createBackoff(environment);
    for (let entry = nextOf(roomId); entry !== undefined; entry = nextOf(roomId)) {
      await connected();
      if (stopping.signal.aborted) break;
      const wait = await attempt(entry.key);
      if (wait === null) backoff.reset();
      else await pause(roomId, backoff.next(wait), wait > 0);
    }
    pumping.delete(roomId);
  }

  /** One try. Resolves to null when the entry is done with, else to the least wait before the next, in milliseconds. */
  async function attempt(key: string): Promise<number | null> {
    const entry = find(key);
    if (entry === undefined || entry.failure !== null) return null;
    const visitorId = connection.visitorId.get();
    if (entry.visitorId !== null && entry.visitorId !== visitorId) {
      await set({
        ...entry,
        failure: { code: VISITOR_CHANGED, message: 'Sent as another visitor, perhaps.' },
      });
      return null;
    }
    // Stored before the try: after a reload it must be known that this one may have been stored already.
    if (entry.visitorId === null) await set({ ...entry, visitorId });
    if (connection.visitorId.get() !== visitorId) return 0;
    try {
      const number = await deliver(entry);
      acknowledge(key, number);
      return null;
    } catch (cause) {
      const error = toRequestError(cause);
      if (stopping.signal.aborted || remedyFor(error) === 'again') return error.retryAfterMs ?? 0;
      await set({ ...entry, visitorId, failure: { code: error.code, message: error.message } });
      return null;
    }
  }

  async function deliver({ roomId, text, key }: OutboxEntry): Promise<number> {
    if (new TextEncoder().encode(JSON.stringify(text)).length > LONGEST_TEXT_BYTES) {
      throw new RequestError('INVALID_INPUT', 'The text is too long to be sent.');
    }
    const input = { roomId, text, idempotencyKey: key };
    const answer = await connection.executeOnce(sendMessage, { input });
    throwUserError(answer.sendMessage?.userErrors);
    const number = answer.sendMessage?.message?.number;
    if (number === undefined) throw new RequestError('UNAVAILABLE', 'The answer holds no message.');
    return number;
  }

  /** Resolves when there is a connection, or when the outbox stops. */
  function connected(): Promise<void> {
    if (connection.state.get() === 'connected' || stopping.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const check = () => {
        if (connection.state.get() !== 'connected' && !stopping.signal.aborted) return;
        unwatch();
        stopping.signal.removeEventListener('abort', check);
        resolve();
      };
      const unwatch = connection.state.watch(check);
      stopping.signal.addEventListener('abort', check);
    });
  }

  function tellPause(roomId: string, until: number | null): void {
    const others = [...pauses.get()].filter(([id]) => id !== roomId);
    pauses.set(new Map(until === null ? others : [...others, [roomId, until]]));
  }

  /** Resolves after `ms` milliseconds, or when the outbox stops. */
  function pause(roomId: string, ms: number, asked: boolean): Promise<void> {
    if (asked) tellPause(roomId, environment.now() + ms);
    return new Promise((resolve) => {
      const end = () => {
        cancel();
        stopping.signal.removeEventListener('abort', end);
        if (asked) tellPause(roomId, null);
        resolve();
      };
      const cancel = environment.after(ms, end);
      stopping.signal.addEventListener('abort', end);
    });
  }

  /** Later than that of every entry held: what is stored is put in order by it. */
  const nextTime = () => Math.max(environment.now(), ...entries.get().map(({ writtenAt }) => writtenAt + 1));

  function add(entry: OutboxEntry): OutboxEntry {
    entries.set([...entries.get(), entry]);
    store.put(entry).catch(() => {});
    void pump(entry.roomId);
    return entry;
  }

  async function load(): Promise<void> {
    const stored = [...(await store.all().catch(() => []))].sort((a, b) => a.writtenAt - b.writtenAt);
    const older = stored.filter((entry) => find(entry.key) === undefined);
    entries.set([...older, ...entries.get()]);
    for (const { roomId } of older) void pump(roomId);
  }
  /** Resolves when what an earlier page left behind is on its way. */
  const loaded = load();

  return {
    entries: entries as Readable<readonly OutboxEntry[]>,
    /** Rooms in which the server asked to wait with sending, and until when, in milliseconds since the Unix epoch. */
    pauses: pauses as Readable<ReadonlyMap<string, number>>,
    loaded,
    /** Takes a message and shows it at once; it never waits for the network. */
    send: (roomId: string, text: string): OutboxEntry =>
      add({
        key: makeKey(),
        roomId,
        text,
        writtenAt: nextTime(),
        visitorId: null,
        failure: null,
        number: null,
      }),
    /** Tries a refused message again, behind the others of its room. */
    retry(key: string): void {
      const entry = find(key);
      if (entry === undefined || entry.failure === null) return;
      remove(key);
      // Under a key that has another text nothing can be sent any more.
      const next = entry.failure.code === 'IDEMPOTENCY_CONFLICT' ? makeKey() : key;
      add({ ...entry, key: next, writtenAt: nextTime(), visitorId: null, failure: null });
    },
    /** Gives up a refused message. */
    discard(key: string): void {
      if (find(key)?.failure !== null) remove(key);
    },
    /** The room's list shows everything up to `number`: its acknowledged entries are not needed any more. */
    delivered(roomId: string, number: number): void {
      const kept = entries
        .get()
        .filter((entry) => entry.roomId !== roomId || entry.number === null || entry.number > number);
      if (kept.length < entries.get().length) entries.set(kept);
    },
    /** Stops trying; what is unsent stays stored. */
    stop: () => stopping.abort(),
  };
}

/** The entries of a room that its list does not show yet: none is shown twice, or missing between the two. */
export function notYetListed(
  entries: readonly OutboxEntry[],
  roomId: string,
  messages: readonly { readonly number: number; readonly idempotencyKey: string | null }[],
): readonly OutboxEntry[] {
  const last = messages.at(-1)?.number ?? 0;
  const open = entries.filter(
    ({ roomId: room, number }) => room === roomId && (number === null || number > last),
  );
  if (open.length === 0) return NONE;
  const listed = new Set(messages.map((message) => message.idempotencyKey));
  return open.filter(({ key }) => !listed.has(key));
}
