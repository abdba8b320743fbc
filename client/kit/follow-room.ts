import type { Connection } from './connection.js';
import { createBackoff } from './backoff.js';
import { followMessages, roomPage } from './documents.js';
import { systemEnvironment, type Environment } from './environment.js';
import type { FollowMessagesSubscription, RoomPageQuery } from './__generated__/operations.js';
import type { KeptMessages } from './kept-messages.js';
import { keepSubscribed } from './keep-subscribed.js';
import { createPageMarks } from './page-marks.js';
import { remedyFor, toRequestError } from './request-error.js';
import { EMPTY_ROOM, type RoomMessage, type RoomState } from './room-state.js';
import { createStore, type Readable } from './store.js';

/** Messages in the first page and in each older one. */
const PAGE_SIZE = 50;
/** A new message is kept this many milliseconds after it came, together with those that come meanwhile. */
const KEEP_DELAY_MS = 1000;

type Page = NonNullable<RoomPageQuery['room']>['messages'];
type Event = FollowMessagesSubscription['messageAdded'];

/**
 * Follows one room: its newest page, then every message after it, exactly once and in order, over reconnects and
 * restarts, until `stop`. Being open counts the visitor as online in the room.
 *
 * When the server skips (`skippedCount`), or a cursor is of no use any more, what is held is replaced by the newest
 * messages; `loadOlder` reaches the rest.
 */
export type FollowedRoom = ReturnType<typeof followRoom>;

export function followRoom({
  connection,
  roomId,
  kept,
  environment = systemEnvironment,
}: {
  connection: Connection;
  roomId: string;
  /** Shown, with `loading`, until there is an answer; and kept up to date. */
  kept?: KeptMessages;
  environment?: Environment;
}) {
  const state = createStore(EMPTY_ROOM);
  const update = (part: Partial<RoomState>) => state.set({ ...state.get(), ...part });
  const backoff = createBackoff(environment);
  let resumeCursor: string | null = null;
  let oldestCursor: string | null = null;
  const marks = createPageMarks();
  let last = 0;
  /** Raised when the list is replaced: an older page asked for before does not fit any more. */
  let edition = 0;
  let cancelOlder = () => {};
  let cancelKeeping: (() => void) | null = null;
  let stopped = false;

  async function showKept(): Promise<void> {
    const messages = (await kept?.read(roomId).catch(() => [])) ?? [];
    if (edition === 0 && state.get().phase === 'loading') update({ messages, names: learn(messages) });
  }

  function keep(): void {
    cancelKeeping = null;
    if (state.get().phase === 'ready') kept?.write(roomId, state.get().messages).catch(() => {});
  }

  /** After a new message: soon, and not for each of many. */
  function keepSoon(): void {
    if (kept !== undefined) cancelKeeping ??= environment.after(KEEP_DELAY_MS, keep);
  }

  async function readPage(before: string | null): Promise<Page | null> {
    const { room } = await connection.execute(roomPage, { roomId, last: PAGE_SIZE, before });
    return room?.messages ?? null;
  }

  function replace(messages: readonly RoomMessage[], oldest: string | null, hasOlder: boolean): void {
    edition += 1;
    cancelOlder();
    oldestCursor = oldest;
    marks.clear();
    marks.add(messages[0]?.number ?? 0, oldest);
    last = messages.at(-1)?.number ?? 0;
    update({
      phase: 'ready',
      messages,
      hasOlder,
      loadingOlder: false,
      names: learn(messages),
      problem: null,
    });
    cancelKeeping?.();
    keep();
  }

  function learn(messages: readonly RoomMessage[]): ReadonlyMap<string, string> {
    const known = state.get().names;
    const news = messages.filter(({ author }) => known.get(author.id) !== author.displayName);
    return news.length === 0
      ? known
      : new Map([...known, ...news.map(({ author }) => [author.id, author.displayName] as const)]);
  }

  function take({ cursor, message, skippedCount }: Event): 'taken' | 'repeat' | 'gap' {
    if (message.number <= last) return 'repeat';
    if (message.number !== last + skippedCount + 1) return 'gap';
    resumeCursor = cursor;
    if (skippedCount > 0) {
      replace([message], cursor, true);
      void loadOlder();
    } else {
      oldestCursor ??= cursor;
      marks.pass(message.number, cursor);
      last = message.number;
      update({ messages: [...state.get().messages, message], names: learn([message]), problem: null });
      keepSoon();
    }
    return 'taken';
  }

  async function loadOlder(): Promise<void> {
    const { phase, hasOlder, loadingOlder } = state.get();
    if (stopped || phase !== 'ready' || !hasOlder || loadingOlder) return;
    update({ loadingOlder: true });
    await readOlder(edition);
  }

  async function readOlder(mine: number): Promise<void> {
    try {
      const page = await readPage(oldestCursor);
      if (mine !== edition) return;
      backoff.reset();
      const { messages } = state.get();
      const first = messages[0]?.number ?? last + 1;
      const older = (page?.nodes ?? []).filter(({ number }) => number < first);
      oldestCursor = page?.pageInfo.startCursor ?? oldestCursor;
      marks.add(older[0]?.number ?? first, oldestCursor);
      update({
        messages: [...older, ...messages],
        names: learn(older),
        hasOlder: older.length > 0 && (page?.pageInfo.hasPreviousPage ?? false),
        loadingOlder: false,
      });
    } catch (cause) {
      if (mine !== edition) return;
      const error = toRequestError(cause);
      const remedy = remedyFor(error);
      if (remedy === 'again') {
        cancelOlder = environment.after(backoff.next(error.retryAfterMs), () => void readOlder(mine));
      } else if (remedy === 'newest') {
        restart();
      } else {
        end();
        update({ phase: 'failed', loadingOlder: false, problem: error });
      }
    }
  }

  const begin = () =>
    keepSubscribed<Page, Event>(
      {
        readNewest: () => readPage(null),
        replace(page) {
          resumeCursor = page.resumeCursor;
          replace(page.nodes, page.pageInfo.startCursor, page.pageInfo.hasPreviousPage);
        },
        open: (sink) =>
          connection.subscribe(followMessages, () => ({ roomId, after: resumeCursor }), {
            ...sink,
            next: ({ messageAdded }) => sink.next(messageAdded),
          }),
        take,
        problem: (problem) => update({ problem }),
        over: (phase, problem) => update({ phase, problem }),
      },
      environment,
    );
  let end = begin();
  void showKept();

  function restart(): void {
    if (stopped) return;
    end();
    edition += 1;
    cancelOlder();
    update({ loadingOlder: false });
    end = begin();
  }

  return {
    state: state as Readable<RoomState>,
    /** Reads the page before the first message held, trying until it is there; does nothing while that runs. */
    loadOlder: () => void loadOlder(),
    /**
     * Lets go of old messages, so that a room that is followed for long does not fill the memory: at least the `count`
     * newest stay, and `loadOlder` reads the others again. Does nothing while older ones are being read.
     */
    keepNewest(count: number): void {
      const { messages, loadingOlder } = state.get();
      const mark = loadingOlder ? null : marks.cut(last - count + 1);
      const gone = messages.findIndex(({ number }) => number === mark?.number);
      if (mark === null || gone <= 0) return;
      oldestCursor = mark.cursor;
      update({ messages: messages.slice(gone), hasOlder: true });
    },
    /** Shows an author's new name before the next message brings it. */
    rename(authorId: string, displayName: string): void {
      if (state.get().names.get(authorId) === displayName) return;
      update({ names: new Map([...state.get().names, [authorId, displayName]]) });
    },
    /** Reads the newest page again and goes on from there; what to do about `failed`. */
    restart,
    /** Ends it for good: nothing is asked for afterwards. Twice is fine. */
    stop(): void {
      stopped = true;
      end();
      edition += 1;
      cancelOlder();
      if (cancelKeeping === null) return;
      cancelKeeping();
      keep();
    },
  };
}
